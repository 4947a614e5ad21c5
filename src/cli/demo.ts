/** `tidegate demo`: the real daemon in front of toy upstreams in the same process, with lines to try. */
import { isAbsolute, relative } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Command } from 'commander'
import { ADMIN_ADDRESS_DEFAULT, ADMIN_PATHS } from '../api/contract.ts'
import type { Demo } from '../control/demo/demo.ts'
import { addExamples } from './examples.ts'
import { CommandError } from './exit-code.ts'
import { packageVersion } from './package-version.ts'
import { painterFor } from './painter.ts'
import { askSetUpLink } from './setup-link.ts'

const READY_POLL_MS = 20

export function addDemoCommand(program: Command): void {
  const command = program
    .command('demo')
    .description('Show a working proxy at once: toy upstreams on this machine with Tidegate in front of them.')
    .option('--json', 'write the addresses as one JSON object instead of a text')
    .action(async (options: { json?: true }) => demo(options.json === true))
  addExamples(command, [['tidegate demo', 'prints lines to try; Ctrl-C ends it']])
}

async function demo(json: boolean): Promise<void> {
  const [{ startDemo }, { runDaemon, StartError }] = await Promise.all([
    import('../control/demo/demo.ts'),
    import('../main.ts'),
  ])
  const toys = await startDemo()
  const over = new AbortController()
  try {
    const ended = runDaemon({ config: toys.config, version: packageVersion() })
    const isReady = await Promise.race([becomesReady(toys.admin, over.signal), ended.then(() => false)])
    if (isReady) {
      const { link } = await askSetUpLink(toys.admin)
      process.stdout.write(json ? `${JSON.stringify({ ...describe(toys), dashboard: link })}\n` : text(toys, link))
    }
    process.exitCode = await ended
  } catch (error) {
    if (error instanceof StartError) throw new CommandError(error.message)
    throw error
  } finally {
    over.abort()
    toys.close()
  }
}

/** True when all listeners are open. A daemon that can't open them ends by itself, with the reason. */
async function becomesReady(admin: string, over: AbortSignal): Promise<boolean> {
  while (!over.aborted) {
    const answer = await fetch(`http://${admin}${ADMIN_PATHS.ready}`).catch(() => undefined)
    if (answer?.ok) return true
    await delay(READY_POLL_MS)
  }
  return false
}

function describe({ services, admin }: Demo) {
  return {
    services: services.map(({ name, listen }) => ({ name, listen })),
    admin,
    metrics: `http://${admin}${ADMIN_PATHS.metrics}`,
    ready: `http://${admin}${ADMIN_PATHS.ready}`,
  }
}

function text(toys: Demo, dashboard: string): string {
  const { services, admin } = toys
  const paint = painterFor(process.stdout)
  const column = (values: readonly string[]): number => Math.max(...values.map(({ length }) => length)) + 2
  const names = column(services.map(({ name }) => name))
  const addresses = column(services.map(({ listen }) => listen))
  const rows = services.map(
    ({ name, listen, shows }) => `  ${paint('bold', name.padEnd(names))}${listen.padEnd(addresses)}${shows}`,
  )
  const tries = [...services.map((service) => service.try), ...adminTries(admin)]
  return `
Tidegate stands in front of toy upstreams. All of it is on this machine only.

${rows.join('\n')}

Try in another terminal:

${tries.map((line) => `  ${line}`).join('\n')}

The dashboard, where you make yourself its first user:

  ${dashboard}

A line follows here for each connection that ends. Ctrl-C ends the demo.

`
}

function adminTries(admin: string): string[] {
  const option = admin === ADMIN_ADDRESS_DEFAULT ? '' : ` --admin ${admin}`
  return [
    `curl http://${admin}${ADMIN_PATHS.metrics}`,
    `curl http://${admin}${ADMIN_PATHS.ready}`,
    `${ownCommand()} status${option}`,
  ]
}

/** How the person who started us can start us again. */
function ownCommand(): string {
  const started = process.argv[1] ?? ''
  if (/\/node_modules\//.test(started)) return 'npx tidegate'
  const fromHere = relative(process.cwd(), started)
  return fromHere.startsWith('..') || isAbsolute(fromHere) ? started : fromHere
}
