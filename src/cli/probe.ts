/** `tidegate probe …`: questions that are asked once, before clients are sent somewhere. */
import { Command } from 'commander'
import type { DnsProbe, ProbeAttempt, ProbeDnsOptions, UpstreamProbe } from '../control/golive/golive.ts'
import { CONFIG_FILE_DEFAULT } from './config-option.ts'
import { addExamples } from './examples.ts'
import { CommandError, EXIT_CODES } from './exit-code.ts'
import { painterFor, type Painter } from './painter.ts'
import { readConfig } from './read-config.ts'
import { shown, tableLines } from './table.ts'

const WAIT_S_MAX = 30

export function addProbeCommand(program: Command): void {
  const command = program
    .command('probe')
    .description('Ask an upstream how it wants to be met, or DNS where a domain leads.')
  addUpstreamProbe(command)
  addDnsProbe(command)
  addExamples(command, [['tidegate probe upstream 203.0.113.10:443', 'does it take PROXY v1, v2 or none?']])
}

function addUpstreamProbe(parent: Command): void {
  const command = parent
    .command('upstream')
    .description(
      'Find out whether an upstream takes PROXY v1, v2 or none, speaks first, speaks TLS: at most 9 short connections.',
    )
    .argument('<host:port>', 'the upstream, as in `upstreams` of a service')
    .option('--name <host>', 'what TLS and HTTP are asked for (default: the host)')
    .option('--wait <seconds>', 'how long an answer may take (default: 2)')
    .option('--json', 'write what was found, with every attempt, as one JSON object')
    .action(async (target: string, options: UpstreamOptions) => upstream(target, options))
  addExamples(command, [
    ['tidegate probe upstream 203.0.113.10:443', 'says which `mode` the service needs'],
    ['tidegate probe upstream mail.example:25 --wait 10', 'for a server that takes its time to greet'],
    ['tidegate probe upstream "[2001:db8::10]:443" --json | jq .mode', 'for a script; exit code 1 when it is unclear'],
  ])
}

interface UpstreamOptions {
  readonly name?: string
  readonly wait?: string
  readonly json?: true
}

async function upstream(target: string, { name, wait, json }: UpstreamOptions): Promise<void> {
  const { ProbeTargetError, probeUpstream } = await import('../control/golive/golive.ts')
  try {
    const probe = await probeUpstream(target, { name, answerTimeoutMs: readWait(wait) })
    const text = json ? JSON.stringify(probe) : upstreamText(probe, painterFor(process.stdout))
    process.stdout.write(`${text}\n`)
    if (probe.mode === undefined) process.exitCode = EXIT_CODES.failed
  } catch (error) {
    if (error instanceof ProbeTargetError) throw new CommandError(error.message, EXIT_CODES.usage)
    throw error
  }
}

/** In milliseconds. */
function readWait(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const seconds = Number(text)
  if (seconds > 0 && seconds <= WAIT_S_MAX) return seconds * 1000
  throw new CommandError(`--wait ${JSON.stringify(text)}: expected seconds, up to ${WAIT_S_MAX}.`, EXIT_CODES.usage)
}

export function upstreamText(probe: UpstreamProbe, paint: Painter): string {
  const verdict = paint(probe.mode === undefined ? 'yellow' : 'green', probe.sentence)
  const facts = [
    probe.speaksFirst === undefined ? '' : probe.speaksFirst ? 'It speaks first.' : 'It waits for the client to speak.',
    probe.speaksTls === undefined ? '' : probe.speaksTls ? 'It speaks TLS.' : 'It does not speak TLS.',
    probe.connectMs === undefined ? '' : `A connect takes ${probe.connectMs} ms.`,
  ].filter((fact) => fact !== '')
  const rows = probe.attempts.map((attempt) => ({
    cells: [
      attempt.header,
      attempt.said,
      sightText(attempt),
      attempt.answerMs === undefined ? '' : `${attempt.answerMs}`,
    ],
  }))
  return [
    `${shown(probe.target)}: ${verdict}`,
    ...(facts.length === 0 ? [] : [`  ${facts.join(' ')}`]),
    ...(probe.remedy === undefined ? [] : [`  → ${probe.remedy}`]),
    ...(rows.length === 0 ? [] : ['', ...tableLines(['header', 'then said', 'saw', 'ms'], rows, paint)]),
  ].join('\n')
}

function sightText({ saw }: ProbeAttempt): string {
  if (saw.kind === 'unreachable') return `no connection (${saw.code})`
  if (saw.kind !== 'bytes') return { closed: 'the end', reset: 'a reset', silent: 'nothing' }[saw.kind]
  if (saw.as === 'tls') return 'a TLS handshake'
  if (saw.as === 'tls-alert') return 'a TLS alert'
  return saw.as === 'http' ? `HTTP status ${saw.httpStatus}` : JSON.stringify(shown(saw.text))
}

interface DnsOptions {
  readonly service?: string
  readonly config?: string
  readonly address?: string[]
  readonly upstream?: string[]
  readonly subdomain?: string[]
  readonly server?: string[]
  readonly json?: true
}

function addDnsProbe(parent: Command): void {
  const command = parent
    .command('dns')
    .description(
      "Compare a domain's addresses with a service's, say until when old answers live, and which records show upstreams.",
    )
    .argument('<domain>', 'what clients look up')
    .option('--service <name>', 'its listeners and upstreams are what the records are compared with')
    .option('-c, --config <file>', `where the service is (default: ${CONFIG_FILE_DEFAULT})`)
    .option('--address <address...>', "where clients reach the service, instead of its listeners' public addresses")
    .option('--upstream <address...>', 'addresses that nobody should find, beside those of the service')
    .option('--subdomain <name...>', 'more names to look at')
    .option('--server <address...>', "name servers to ask (default: this machine's, and those of the domain)")
    .option('--json', 'write what was found as one JSON object')
    .action(async (domain: string, options: DnsOptions) => dns(domain, options))
  addExamples(command, [
    ['tidegate probe dns www.example.com --service web', 'exit code 1 unless all of it is as it should be'],
    ['tidegate probe dns www.example.com --address 192.0.2.1 --upstream 203.0.113.10', 'without a configuration'],
    ['tidegate probe dns www.example.com --service web --server 192.0.2.53 198.51.100.53', 'what others see'],
  ])
}

async function dns(domain: string, options: DnsOptions): Promise<void> {
  const { DnsProbeError, probeDns } = await import('../control/golive/golive.ts')
  try {
    const probe = await probeDns(domain, await dnsOptions(options))
    process.stdout.write(`${options.json ? JSON.stringify(probe) : dnsText(probe, painterFor(process.stdout))}\n`)
    const isGood = probe.pointsTo === 'service' && probe.leaks.length === 0 && probe.namedUpstreams.length === 0
    if (!isGood) process.exitCode = EXIT_CODES.failed
  } catch (error) {
    if (error instanceof DnsProbeError) throw new CommandError(error.message, EXIT_CODES.usage)
    throw error
  }
}

async function dnsOptions({
  service: name,
  config,
  address,
  upstream,
  subdomain,
  server,
}: DnsOptions): Promise<ProbeDnsOptions> {
  const more = { subdomains: subdomain, servers: server, asksAuthority: server === undefined }
  if (name === undefined) {
    if (address !== undefined) return { addresses: address, upstreams: upstream, ...more }
    throw new CommandError('Name the service, or its --address.', EXIT_CODES.usage)
  }
  const { services } = await readConfig(config ?? CONFIG_FILE_DEFAULT)
  const service = services.find((service) => service.name === name)
  if (service === undefined) {
    const names = services.map(({ name }) => name).join(', ')
    throw new CommandError(`There is no service ${JSON.stringify(name)}; there is ${names}.`, EXIT_CODES.usage)
  }
  const { serviceAddresses } = await import('../control/golive/golive.ts')
  const addresses = address ?? serviceAddresses(service)
  if (addresses.length === 0)
    throw new CommandError(
      `${name} listens on private addresses: name the public one with --address.`,
      EXIT_CODES.usage,
    )
  return { addresses, upstreams: [...service.upstreams.map(({ host }) => host), ...(upstream ?? [])], ...more }
}

const POINTS_TO = {
  service: ['green', 'leads to the service and nowhere else'],
  partly: ['red', 'leads to the service, and elsewhere, too'],
  elsewhere: ['red', 'does not lead to the service'],
  nowhere: ['red', 'has no address'],
  unknown: ['yellow', 'could not be looked up'],
} as const

export function dnsText(probe: DnsProbe, paint: Painter): string {
  const [style, says] = POINTS_TO[probe.pointsTo]
  const rows = probe.sights.flatMap(({ server, records, problem }) => {
    const said = records.map(({ address, ttlS }) => ({
      cells: [
        shown(server),
        address,
        `${ttlS} s`,
        probe.expected.includes(address) ? 'the service' : strangerText(probe, address),
      ],
    }))
    return problem === undefined ? said : [...said, { cells: [shown(server), '', '', problem] }]
  })
  return [
    `${shown(probe.chain.join(' → '))}: ${paint(style, says)}`,
    ...(rows.length === 0 ? [] : tableLines(['asked', 'address', 'TTL', ''], rows, paint)),
    ...changeLines(probe),
    ...probe.namedUpstreams.map(
      (name) => `  ${paint('red', 'shown')}  ${shown(name)} is in public DNS and leads to an upstream`,
    ),
    ...probe.leaks.map(({ name, type, found, upstream, closeness }) => {
      const label = closeness === 'address' ? paint('red', 'shown') : paint('yellow', 'near ')
      return `  ${label}  ${type} of ${shown(name)}: ${shown(found)}${closeness === 'address' ? '' : `, near ${upstream}`}`
    }),
    ...probe.problems.slice(0, 5).map((problem) => `  ${paint('yellow', 'not asked')}  ${shown(problem)}`),
    `  ${probe.looked.length} names, MX, SPF and TXT were looked at for upstreams.`,
  ].join('\n')
}

function strangerText({ upstreamsShown }: DnsProbe, address: string): string {
  return upstreamsShown.includes(address) ? 'an upstream!' : 'not the service'
}

function changeLines({ oldGoneInS, isRunningOut, ttlS }: DnsProbe): string[] {
  if (oldGoneInS === undefined)
    return ttlS === undefined ? [] : [`  A change takes up to ${ttlS} s to be seen everywhere.`]
  if (isRunningOut) return [`  The records are changed; the old answers are gone in ${oldGoneInS} s at most.`]
  return [`  Change the records; then the old answers live on for up to ${ttlS ?? oldGoneInS} s.`]
}
