/** What the store has copies of: attacks, and what operators ban. Where traffic goes by them they have files of their own. */
import { AttackMirror } from './attack-mirror.ts'
import { BanMirror } from './ban-mirror.ts'

type Attacks = ConstructorParameters<typeof AttackMirror>[0]
type Bans = ConstructorParameters<typeof BanMirror>[0]
type Store = ConstructorParameters<typeof AttackMirror>[1] & ConstructorParameters<typeof BanMirror>[1]

export class Mirrors {
  readonly #all: readonly (AttackMirror | BanMirror)[]

  constructor(node: { readonly attacks: Attacks; readonly bans: Bans; readonly store: Store }) {
    this.#all = [new AttackMirror(node.attacks, node.store), new BanMirror(node.bans, node.store)]
  }

  start(): void {
    for (const mirror of this.#all) mirror.start()
  }

  /** The next version copies from now on. */
  leave(): void {
    for (const mirror of this.#all) mirror.leave()
  }

  /** After attacks and bans are closed. */
  async close(): Promise<void> {
    await Promise.all(this.#all.map((mirror) => mirror.close()))
  }
}
