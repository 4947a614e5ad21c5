/**
 * Who comes to one service: how many different addresses and prefixes within ten seconds, and the busiest of them, now
 * and over an attack. In fixed memory, some 150 KiB, whoever comes. Fed from the workers' rings (newcomers.ts).
 */
import { randomInt } from 'node:crypto'
import { HyperLogLog } from '../../lib/hyper-log-log.ts'
import { formatIp } from '../../lib/ip.ts'
import { type Frequent, SpaceSaving } from '../../lib/space-saving.ts'
import { mix32 } from '../../lib/client-hash.ts'

export const SOURCE_SPAN_NAMES = ['address', 'prefix'] as const
/** What is one source: an address, of IPv6 the /64; or a /24, of IPv6 a /48. */
export type SourceSpan = (typeof SOURCE_SPAN_NAMES)[number]

/** Different sources are counted over so many seconds. */
export const DISTINCT_SECONDS = 10
/** `top` shows the last so many that are over. */
export const TOP_SECONDS = 5
/** Whoever makes more than 1 / 128 of all new connections is surely among the busiest. */
const PLACES = 128
const TWO_TO_32 = 2 ** 32
/** Keys of IPv6 are a hash of 52 bits, so that no other has them by chance, with a seed, so that none has them on purpose. */
const KEY_HIGH_MASK = 0xf_ffff
const SEED_HIGH = randomInt(TWO_TO_32) | 0
const SEED_LOW = randomInt(TWO_TO_32) | 0

export interface BusySource {
  readonly family: 4 | 6
  readonly high: number
  readonly low: number
  /** New connections; of those that were seen, and never too many. */
  readonly seen: number
  readonly refused: number
}

/** The busiest sources of some time. */
class Busiest {
  readonly #bySpan: Readonly<Record<SourceSpan, SpaceSaving>> = {
    address: new SpaceSaving(PLACES),
    prefix: new SpaceSaving(PLACES),
  }
  seen = 0

  add(family: 4 | 6, high: number, low: number, isRefused: boolean): void {
    this.seen++
    this.#bySpan.address.add(keyOf(family, high, low), high, low, isRefused)
    const [prefixHigh, prefixLow] = family === 4 ? [high & 0xffff_ff00, 0] : [high, low & 0xffff_0000]
    this.#bySpan.prefix.add(keyOf(family, prefixHigh, prefixLow), prefixHigh, prefixLow, isRefused)
  }

  clear(): void {
    this.seen = 0
    for (const span of SOURCE_SPAN_NAMES) this.#bySpan[span].clear()
  }

  top(span: SourceSpan, most: number): BusySource[] {
    return this.#bySpan[span]
      .top(most)
      .map(busySourceOf)
      .filter(({ seen }) => seen > 0)
  }
}

export class Visitors {
  /** One for each of the last seconds, the one under way at `#second`. */
  readonly #addresses = hyperLogLogs()
  readonly #prefixes = hyperLogLogs()
  readonly #merged = new HyperLogLog()
  #second = 0
  #now = new Busiest()
  #last = new Busiest()
  /** All that came in those seconds, seen or not. */
  #newcomersNow = 0
  #newcomersLast = 0
  #seconds = 0
  #overAttack: Busiest | undefined

  take(family: 4 | 6, high: number, low: number, isRefused: boolean): void {
    const slot = this.#second % DISTINCT_SECONDS
    this.#addresses[slot].add(hashOf(high, low))
    this.#prefixes[slot].add(family === 4 ? hashOf(high & 0xffff_ff00, 0) : hashOf(high, low & 0xffff_0000))
    this.#now.add(family, high, low, isRefused)
    this.#overAttack?.add(family, high, low, isRefused)
  }

  /** Once a second; `newcomers` is how many came in it. */
  endSecond(newcomers: number): { readonly sources: number; readonly prefixes: number } {
    const distinct = { sources: this.#count(this.#addresses), prefixes: this.#count(this.#prefixes) }
    this.#newcomersNow += newcomers
    this.#second++
    this.#addresses[this.#second % DISTINCT_SECONDS].clear()
    this.#prefixes[this.#second % DISTINCT_SECONDS].clear()
    if (++this.#seconds === TOP_SECONDS) this.#turn()
    return distinct
  }

  #turn(): void {
    this.#seconds = 0
    const old = this.#last
    this.#last = this.#now
    this.#newcomersLast = this.#newcomersNow
    old.clear()
    this.#now = old
    this.#newcomersNow = 0
  }

  #count(slots: readonly HyperLogLog[]): number {
    this.#merged.clear()
    for (const slot of slots) this.#merged.merge(slot)
    return this.#merged.count
  }

  /** The busiest of the last seconds, and what their numbers have to be multiplied with to be per second. */
  busiest(span: SourceSpan, most: number): { readonly sources: BusySource[]; readonly perSecond: number } {
    const { seen } = this.#last
    const part = seen === 0 ? 1 : Math.max(1, this.#newcomersLast / seen)
    return { sources: this.#last.top(span, most), perSecond: part / TOP_SECONDS }
  }

  followAttack(): void {
    this.#overAttack = new Busiest()
  }

  endAttack(): void {
    this.#overAttack = undefined
  }

  /** Since `followAttack`; `seen` of them are what was seen of all. */
  busiestOfAttack(span: SourceSpan, most: number): { readonly sources: BusySource[]; readonly seen: number } {
    return { sources: this.#overAttack?.top(span, most) ?? [], seen: this.#overAttack?.seen ?? 0 }
  }
}

/** `192.0.2.1`, `192.0.2.0/24`, `2001:db8:1:2::/64`, `2001:db8:1::/48` */
export function sourceText(
  { family, high, low }: Pick<BusySource, 'family' | 'high' | 'low'>,
  span: SourceSpan,
): string {
  const bytes = sourceBytes({ family, high, low })
  if (family === 4) return `${formatIp(bytes)}${span === 'prefix' ? '/24' : ''}`
  return `${formatIp(bytes)}/${span === 'prefix' ? 48 : 64}`
}

/** Its address in network order. */
export function sourceBytes({ family, high, low }: Pick<BusySource, 'family' | 'high' | 'low'>): Uint8Array {
  const bytes = new Uint8Array(family === 4 ? 4 : 16)
  const view = new DataView(bytes.buffer)
  view.setInt32(0, high)
  if (family === 6) view.setInt32(4, low)
  return bytes
}

function hyperLogLogs(): HyperLogLog[] {
  return Array.from({ length: DISTINCT_SECONDS }, () => new HyperLogLog())
}

function hashOf(high: number, low: number): number {
  return mix32(mix32(high ^ SEED_HIGH) ^ low)
}

function keyOf(family: 4 | 6, high: number, low: number): number {
  if (family === 4) return high >>> 0
  const more = (mix32(mix32(low ^ SEED_LOW) ^ high) & KEY_HIGH_MASK) + 1
  return more * TWO_TO_32 + (hashOf(high, low) >>> 0)
}

function busySourceOf({ key, high, low, count, error, marked }: Frequent): BusySource {
  return { family: key < TWO_TO_32 ? 4 : 6, high, low, seen: count - error, refused: marked }
}
