/**
 * What the store has copies of: attacks, and what operators ban. Where traffic goes by them they have files of their own.
 */
import { AttackMirror } from './attack-mirror.ts'
import { BanMirror } from './ban-mirror.ts'

/** An hour of them is COPY_ANYWAY_LOOKS in ban-mirror.ts. */
const COPY_EVERY_MS = 10_000

type Attacks = ConstructorParameters<typeof AttackMirror>[0]
type Bans = ConstructorParameters<typeof BanMirror>[0]
type Store = ConstructorParameters<typeof AttackMirror>[1] & ConstructorParameters<typeof BanMirror>[1]

export class Mirrors {
  readonly #all: readonly { readonly copy: () => Promise<void> }[]
  #timer: NodeJS.Timeout | undefined
  #hasLeft = false

  constructor(node: { readonly attacks: Attacks; readonly bans: Bans; readonly store: Store }) {
    this.#all = [new AttackMirror(node.attacks, node.store), new BanMirror(node.bans, node.store)]
  }

  start(): void {
    this.#timer = setInterval(() => void this.#copy(), COPY_EVERY_MS)
    this.#timer.unref()
  }

  async #copy(): Promise<void> {
    await Promise.all(this.#all.map((mirror) => mirror.copy()))
  }

  /** The next version copies from now on. */
  leave(): void {
    clearInterval(this.#timer)
    this.#hasLeft = true
  }

  /** After bans and attacks are closed, which ends the attacks under way. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    if (!this.#hasLeft) await this.#copy()
  }
}
