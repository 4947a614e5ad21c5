/** Whose an entry of the table of sources (source-table.ts) is: two words of the address, and who counts it. */
import { word } from '../../lib/client-hash.ts'

/** What is counted as one source. */
export const SOURCE = { address: 0, prefix: 1, asn: 2 } as const
export type SourceKind = (typeof SOURCE)[keyof typeof SOURCE]

export function highWord(kind: SourceKind, bytes: Uint8Array, at: number, family: 4 | 6): number {
  const high = word(bytes, at)
  return kind === SOURCE.prefix && family === 4 ? high & 0xffff_ff00 : high
}

export function lowWord(kind: SourceKind, bytes: Uint8Array, at: number, family: 4 | 6): number {
  if (family === 4) return 0
  const low = word(bytes, at + 4)
  return kind === SOURCE.prefix ? low & 0xffff_0000 : low
}

/** Never 0, which is an entry that nobody has used. Of 2,000 services, as control makes room for, in 14 bits. */
export function ownerOf(serviceIndex: number, kind: SourceKind, family: 4 | 6): number {
  return ((serviceIndex + 1) << 3) | (kind << 1) | (family === 6 ? 1 : 0)
}

export function isOfAsn(owner: number): boolean {
  return (owner & 0b110) === SOURCE.asn << 1
}
