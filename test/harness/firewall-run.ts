/** Runs a firewall script as its reader would, with a state folder of its own. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface FirewallRunOptions {
  /** Folders with programs that come before those of the machine. */
  readonly path?: string | undefined
  /** Another script on the same machine. */
  readonly like?: FirewallRun
  /** What goes before `sh FILE …`. */
  readonly prefix?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

export class FirewallRun {
  readonly file: string
  readonly state: string
  readonly units: string
  readonly #options: FirewallRunOptions

  constructor(below: string, text: string, options: FirewallRunOptions = {}) {
    const folder = mkdtempSync(join(below, 'machine-'))
    this.file = join(folder, 'firewall.sh')
    this.state = options.like?.state ?? join(folder, 'state')
    this.units = options.like?.units ?? mkdtempSync(join(folder, 'units-'))
    this.#options = options
    writeFileSync(this.file, text)
  }

  run(...args: readonly string[]): { code: number; output: string } {
    return this.#run(this.file, args)
  }

  do(...args: readonly string[]): string {
    const { code, output } = this.run(...args)
    assert.equal(code, 0, `${args.join(' ')}: ${output}`)
    return output
  }

  /** As the service manager does when the machine starts. */
  boot(): void {
    const { code, output } = this.#run(join(this.state, 'boot.sh'), ['boot'])
    assert.equal(code, 0, output)
  }

  #run(file: string, args: readonly string[]): { code: number; output: string } {
    const { path, prefix = [], env } = this.#options
    const [program, ...words] = [...prefix, 'sh', file, ...args]
    const { status, stdout, stderr } = spawnSync(program, words, {
      encoding: 'utf8',
      env: {
        PATH: `${path === undefined ? '' : `${path}:`}${process.env['PATH']}`,
        TIDEGATE_FIREWALL_STATE: this.state,
        TIDEGATE_FIREWALL_UNITS: this.units,
        ...env,
      },
    })
    return { code: status ?? -1, output: stdout + stderr }
  }
}
