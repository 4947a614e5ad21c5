/** What the writer of a prefix table keeps about one IP version. */
import type { IpFamily } from './ip.ts'
import { PLACES_V4, PLACES_V6, SPILL_CLASSES_MAX } from './prefix-lines.ts'
import { type LineTable, SLOT_COUNT, SLOTS_V4_AT, SLOTS_V6_AT } from './prefix-memory.ts'

/** Places of `tierCounts` for each slot. */
export const TIERS_MAX = 4
const LENGTHS = 129

/** Where it is, and what is counted so that marks can go again. */
export interface Family {
  readonly version: IpFamily
  readonly lines: LineTable
  readonly places: number
  readonly digests: Int32Array | Uint16Array
  readonly capacity: number
  readonly slotsAt: number
  readonly shortsAt: number
  /** How many prefixes hold each tier's bit of a slot. */
  readonly tierCounts: Uint32Array
  /** How many prefixes of each bit of its marks a line has spilled, and how many it has passed on. */
  readonly spillCounts: Uint16Array
  readonly passedCounts: Uint16Array
  readonly spilledLengthCounts: Uint32Array
  count: number
}

export function makeFamily(
  version: IpFamily,
  memory: SharedArrayBuffer,
  lines: LineTable,
  capacity: number,
  shortsAt: number,
): Family {
  const { digestsAtByte, count } = lines
  return {
    version,
    lines,
    digests:
      version === 4 ? new Int32Array(memory, digestsAtByte, count) : new Uint16Array(memory, digestsAtByte, count),
    places: version === 4 ? PLACES_V4 : PLACES_V6,
    capacity,
    slotsAt: version === 4 ? SLOTS_V4_AT : SLOTS_V6_AT,
    shortsAt,
    tierCounts: new Uint32Array(SLOT_COUNT * TIERS_MAX),
    spillCounts: new Uint16Array(lines.count * SPILL_CLASSES_MAX),
    passedCounts: new Uint16Array(lines.count),
    spilledLengthCounts: new Uint32Array(LENGTHS),
    count: 0,
  }
}
