/** Sizes as people write them: a whole number of bytes, alone or with a binary unit, `1400 64KiB 1MiB 2GiB`. */
import { parsed, unparsed } from './parsed.ts'
import type { Parsed } from './parsed.ts'

const BYTES_BY_UNIT = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 } as const
type Unit = keyof typeof BYTES_BY_UNIT

/** The largest value a socket option takes: a signed 32-bit integer. */
export const SIZE_BYTES_MAX = 2 ** 31 - 1

/** Bytes. `KB` and `k` are refused: they mean 1000 to some and 1024 to others. */
export function parseSize(text: string): Parsed<number> {
  const match = /^(\d{1,12})(B|KiB|MiB|GiB)?$/.exec(text)
  if (match === null) return unparsed(explainSize(text))
  const bytes = Number(match[1]) * BYTES_BY_UNIT[(match[2] ?? 'B') as Unit]
  if (bytes > SIZE_BYTES_MAX) return unparsed('is too large; a size is less than 2GiB')
  return parsed(bytes)
}

function explainSize(text: string): string {
  const decimal = /^(\d+)\s*([kmg])i?b?$/i.exec(text)
  if (decimal !== null)
    return `has an unclear unit; write ${decimal[1]}${decimal[2].toUpperCase()}iB for powers of 1024`
  if (text.startsWith('-')) return 'is negative; expected a size such as 1400, 64KiB or 1MiB'
  return 'is not a size; expected a whole number of bytes, or one with a unit, such as 64KiB or 1MiB'
}

/** The shortest exact text; `parseSize` gives the same number back. */
export function formatSize(bytes: number): string {
  if (bytes === 0) return '0B'
  const units: readonly Unit[] = ['GiB', 'MiB', 'KiB']
  const unit = units.find((candidate) => bytes % BYTES_BY_UNIT[candidate] === 0) ?? 'B'
  return `${bytes / BYTES_BY_UNIT[unit]}${unit}`
}
