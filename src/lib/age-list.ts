/**
 * Things in the order of their age, oldest first, each in one list at most. A Map or Set keeps an order as well, but its
 * deleted places are passed over one by one until it is made anew: taking the oldest again and again gets slow.
 */

export class AgeLinks {
  older: AgeLinks | undefined
  younger: AgeLinks | undefined
}

export class AgeList<Entry extends AgeLinks> {
  #oldest: Entry | undefined
  #youngest: Entry | undefined

  get oldest(): Entry | undefined {
    return this.#oldest
  }

  /** It must be in no list. */
  append(entry: Entry): void {
    entry.older = this.#youngest
    entry.younger = undefined
    if (this.#youngest === undefined) this.#oldest = entry
    else this.#youngest.younger = entry
    this.#youngest = entry
  }

  /** It must be in this list. */
  remove(entry: Entry): void {
    const { older, younger } = entry
    if (older === undefined) this.#oldest = younger as Entry | undefined
    else older.younger = younger
    if (younger === undefined) this.#youngest = older as Entry | undefined
    else younger.older = older
    entry.older = undefined
    entry.younger = undefined
  }

  clear(): void {
    this.#oldest = undefined
    this.#youngest = undefined
  }
}
