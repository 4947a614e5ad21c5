/** Config files for the daemon under test. JSON is YAML, so objects are written as they are. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The keys of `tidegate.yaml` that tests set; free on purpose, so that wrong configs can be written too. */
export interface TestConfig {
  readonly traffic?: Record<string, unknown>
  readonly admin?: Record<string, unknown>
  readonly log?: Record<string, unknown>
  readonly protect?: Record<string, unknown>
  readonly notify?: Record<string, unknown>
  readonly services: readonly TestService[]
}

export interface TestService {
  readonly name?: string
  readonly listen?: string[]
  readonly mode?: 'raw' | 'proxy-v1' | 'proxy-v2'
  readonly upstreams: readonly (string | Record<string, unknown>)[]
  readonly [key: string]: unknown
}

const temporaryFolders: string[] = []
// One listener for all of them: node warns of more than ten.
process.once('exit', () => {
  for (const folder of temporaryFolders) rmSync(folder, { recursive: true, force: true })
})

/** A folder that is removed when the process ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tidegate-test-'))
  temporaryFolders.push(folder)
  return folder
}

/** Writes the config with what every test wants: free ports, all connections logged, two workers. */
export function writeConfig(folder: string, config: TestConfig): string {
  const file = join(folder, 'tidegate.yaml')
  const whole = {
    admin: { listen: '127.0.0.1:0', ...config.admin },
    traffic: { workers: 2, ...config.traffic },
    log: { level: 'info', format: 'json', connections: 'all', ...config.log },
    // Daemons of tests leave the firewall of the machine alone, unless they are told otherwise.
    protect: { firewall: { mode: 'off' }, ...config.protect },
    ...(config.notify === undefined ? {} : { notify: config.notify }),
    services: config.services.map(wholeService),
  }
  writeFileSync(file, JSON.stringify(whole, undefined, 2))
  return file
}

export function wholeService(service: TestService, i = 0): TestService {
  return { name: i === 0 ? 'web' : `web-${i}`, listen: ['127.0.0.1:0'], mode: 'raw', ...service }
}
