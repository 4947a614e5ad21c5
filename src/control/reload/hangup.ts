/** SIGHUP: read the configuration again. Without a listener it would end the process. */
export class Hangup {
  #onHangup: (() => void) | undefined
  #cameEarly = false

  constructor() {
    process.on('SIGHUP', () => {
      if (this.#onHangup === undefined) this.#cameEarly = true
      else this.#onHangup()
    })
  }

  /** From now on; one that came while the daemon was starting counts too. */
  use(onHangup: () => void): void {
    this.#onHangup = onHangup
    if (this.#cameEarly) onHangup()
    this.#cameEarly = false
  }
}
