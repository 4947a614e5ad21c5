/** What `tidegate doctor` says: one sentence for each thing it looked at, and what to do about it. */

/** `fail`: Tidegate can't do what is asked here. `warn`: it works, with less speed or room than it could have. */
export type Level = 'ok' | 'warn' | 'fail'

export interface Finding {
  /** A stable word for scripts; docs/doctor.md has one section for each. */
  readonly id: FindingId
  readonly level: Level
  readonly sentence: string
  /** What to do; on `ok`, what to do for more. */
  readonly remedy?: string
}

/** What findings are about, for a page that shows them together. */
export const FINDING_GROUPS = {
  program: 'Program and engine',
  room: 'Files and memory',
  queues: 'Queues of the kernel',
  ports: 'Ports and addresses',
  firewall: 'Firewall and connection tracking',
  databases: 'Store and databases',
} as const
export type FindingGroup = keyof typeof FINDING_GROUPS

/** Every finding there is, in the order of the report, and its group. */
export const FINDINGS = {
  node: 'program',
  system: 'program',
  container: 'program',
  'native-calls': 'program',
  epoll: 'program',
  splice: 'program',
  'io-uring': 'program',
  'pipe-size': 'program',
  'pipe-pages': 'program',
  engine: 'program',
  'open-files': 'room',
  memory: 'room',
  'accept-queue': 'queues',
  'syn-queue': 'queues',
  'syn-ack-retries': 'queues',
  'syn-cookies': 'queues',
  'queue-overflows': 'queues',
  'local-ports': 'ports',
  'local-ports-used': 'ports',
  'source-addresses': 'ports',
  buffers: 'room',
  'tcp-memory': 'room',
  conntrack: 'firewall',
  'conntrack-loose': 'firewall',
  'low-ports': 'ports',
  'firewall-rights': 'firewall',
  'firewall-program': 'firewall',
  databases: 'databases',
  store: 'databases',
} as const satisfies Readonly<Record<string, FindingGroup>>
export type FindingId = keyof typeof FINDINGS
export const FINDING_IDS = Object.keys(FINDINGS) as readonly FindingId[]

export function ok(id: FindingId, sentence: string, remedy?: string): Finding {
  return { id, level: 'ok', sentence, ...(remedy === undefined ? {} : { remedy }) }
}

export function warn(id: FindingId, sentence: string, remedy: string): Finding {
  return { id, level: 'warn', sentence, remedy }
}

export function fail(id: FindingId, sentence: string, remedy: string): Finding {
  return { id, level: 'fail', sentence, remedy }
}

/** `28,232`, the same in every locale. */
export function count(value: number): string {
  return new Intl.NumberFormat('en-US').format(Math.floor(value))
}
