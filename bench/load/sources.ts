/** Many addresses of one's own: loopback has sixteen million, an interface those it was given. */

export interface Sources {
  /** `127.64.0.1`. */
  readonly first: string
  readonly count: number
  /** From one to the next; 256 puts each into a /24 of its own. */
  readonly step: number
}

/** Goes around all of them; each is a number that `setAddress` takes. */
export class SourceRound {
  readonly #first: number
  readonly #sources: Sources
  #next = 0

  constructor(sources: Sources) {
    this.#first = Buffer.from(sources.first.split('.').map(Number)).readUInt32BE(0)
    this.#sources = sources
  }

  next(): number {
    const { count, step } = this.#sources
    return this.#first + (this.#next++ % count) * step
  }
}
