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

/** Every finding there is, in the order of the report. */
export const FINDING_IDS = [
  'node',
  'system',
  'container',
  'native-calls',
  'epoll',
  'splice',
  'io-uring',
  'pipe-size',
  'pipe-pages',
  'engine',
  'open-files',
  'memory',
  'accept-queue',
  'syn-queue',
  'syn-ack-retries',
  'syn-cookies',
  'queue-overflows',
  'local-ports',
  'local-ports-used',
  'source-addresses',
  'buffers',
  'tcp-memory',
  'conntrack',
  'conntrack-loose',
  'low-ports',
  'firewall-rights',
  'firewall-program',
  'databases',
  'store',
] as const
export type FindingId = (typeof FINDING_IDS)[number]

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
