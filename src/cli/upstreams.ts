/** `tidegate upstreams`: lists them, and sets what an operator wants of one: up, drain or down. */
import type { Command } from 'commander'
import type { ServiceStatus, WantedState } from '../api/contract.ts'
import { didYouMean } from '../lib/did-you-mean.ts'
import { adminOption } from './admin-option.ts'
import { addExamples } from './examples.ts'
import { CommandError, EXIT_CODES } from './exit-code.ts'
import { painterFor } from './painter.ts'
import { changeText, upstreamsText } from './upstreams-table.ts'

interface UpstreamsOptions {
  readonly admin?: string
  readonly json?: true
}

/** The word after `upstreams`, and what it does. */
const VERBS: Readonly<Record<WantedState, string>> = {
  up: 'Take `drain` or `down` back: the upstream gets new clients again.',
  drain: 'Send no new clients to an upstream; the connections it has stay. It holds over restarts, until `up`.',
  down: 'As `drain`; where the service has `onDown: close`, its open connections are reset as well.',
}

export function addUpstreamsCommand(program: Command): void {
  const command = withOptions(program.command('upstreams'))
    .description('Show the upstreams of a running daemon, or take one out of service and back (up, drain, down).')
    .argument('[service...]', 'show these services only')
    .action(async (services: string[], options: UpstreamsOptions) => list(services, options))
  addExamples(command, [
    ['tidegate upstreams', 'all services; ! marks an address that failed a moment ago'],
    ['tidegate upstreams drain web main', 'no new clients for upstream main of service web'],
    ['tidegate upstreams down web main', 'and its connections end, with onDown: close'],
    ['tidegate upstreams up web main', 'takes it back'],
    ['tidegate upstreams --json | jq', 'for programs'],
  ])
  for (const [state, does] of Object.entries(VERBS)) addVerb(command, state as WantedState, does)
}

function addVerb(command: Command, state: WantedState, does: string): void {
  const verb = withOptions(command.command(state))
    .description(does)
    .argument('<service>', 'its name')
    .argument('<upstream>', 'its name, or its address as configured where it has none')
    .action(async (service: string, upstream: string, _: unknown, self: Command) =>
      set(service, upstream, state, self.optsWithGlobals<UpstreamsOptions>()),
    )
  addExamples(verb, [
    [`tidegate upstreams ${state} web main`, 'by name'],
    [`tidegate upstreams ${state} web 203.0.113.10:443 --json`, 'by address, answered as JSON'],
  ])
}

function withOptions(command: Command): Command {
  return command.addOption(adminOption()).option('--json', 'write the answer as JSON')
}

async function list(wanted: readonly string[], options: UpstreamsOptions): Promise<void> {
  const { adminUrl, fetchStatus } = await import('./admin-client.ts')
  const { services } = await fetchStatus(adminUrl(options.admin))
  const chosen = wanted.length === 0 ? services : wanted.map((name) => serviceNamed(name, services))
  const shapes = chosen.map(({ name, upstreams }) => ({ service: name, upstreams }))
  const text = options.json ? `${JSON.stringify(shapes)}\n` : upstreamsText(chosen, painterFor(process.stdout))
  process.stdout.write(text)
}

/** The word may have been meant as a verb. */
function serviceNamed(name: string, services: readonly ServiceStatus[]): ServiceStatus {
  const found = services.find((service) => service.name === name)
  if (found !== undefined) return found
  const near = didYouMean(name, [...Object.keys(VERBS), ...services.map((service) => service.name)])
  const advice =
    near === undefined ? `There is ${services.map((service) => service.name).join(', ')}.` : `Did you mean ${near}?`
  throw new CommandError(`There is no service ${JSON.stringify(name)}. ${advice}`, EXIT_CODES.usage)
}

async function set(service: string, upstream: string, state: WantedState, options: UpstreamsOptions): Promise<void> {
  const { adminUrl, setUpstreamState } = await import('./admin-client.ts')
  const answer = await setUpstreamState(adminUrl(options.admin), service, upstream, state)
  process.stdout.write(options.json ? `${JSON.stringify(answer)}\n` : changeText(answer, painterFor(process.stdout)))
}
