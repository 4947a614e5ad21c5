/** The entries of one list and where each stands, in columns: a million of them as objects would take ten times the memory. */
import type { IpFamily, Network } from '../../lib/ip.ts'

const ROW_BYTES = 18
const ROWS_FIRST = 64
const COMMENT_CHARACTERS_MAX = 120
/** Of one list; further ones are not kept. */
const COMMENTS_MAX = 100_000

export interface ListEntry {
  readonly network: Network
  /** In the file, from 1. */
  readonly line: number
  readonly comment: string
}

export class ListEntries {
  /** 16 bytes of the prefix, its length, its IP version. */
  #rows = new Uint8Array(ROWS_FIRST * ROW_BYTES)
  #lines = new Uint32Array(ROWS_FIRST)
  readonly #comments = new Map<number, string>()
  #count = 0

  get count(): number {
    return this.#count
  }

  push({ family, bytes, prefixLength }: Network, line: number, comment: string): void {
    if (this.#count === this.#lines.length) this.#grow()
    const at = this.#count * ROW_BYTES
    this.#rows.set(bytes, at)
    this.#rows[at + 16] = prefixLength
    this.#rows[at + 17] = family
    this.#lines[this.#count] = line
    if (comment !== '' && this.#comments.size < COMMENTS_MAX) {
      this.#comments.set(this.#count, comment.slice(0, COMMENT_CHARACTERS_MAX))
    }
    this.#count++
  }

  networkAt(i: number): Network {
    const at = i * ROW_BYTES
    const family = this.#rows[at + 17] as IpFamily
    const bytes = this.#rows.subarray(at, at + (family === 4 ? 4 : 16))
    return { family, bytes, prefixLength: this.#rows[at + 16] }
  }

  at(i: number): ListEntry {
    return { network: this.networkAt(i), line: this.#lines[i], comment: this.#comments.get(i) ?? '' }
  }

  #grow(): void {
    const rows = new Uint8Array(this.#rows.length * 2)
    rows.set(this.#rows)
    this.#rows = rows
    const lines = new Uint32Array(this.#lines.length * 2)
    lines.set(this.#lines)
    this.#lines = lines
  }
}
