/** Who is to be refused or let through in the kernel, set by set. Pure: what becomes of it is the keeper's business. */
import { formatIp, type Network, parseIp } from '../../lib/ip.ts'
import { coverOf, firstBits } from './cover.ts'
import { elementText, SINGLE_SOURCE_BITS, SOURCE_SETS } from './ruleset.ts'
import { SetMirror } from './set-mirror.ts'

/** A ban: an address or prefix and its end, in the time of monotonicMs; Infinity is for good. */
export interface BannedSource {
  readonly network: Network
  readonly untilMs: number
}

const NOTHING = { 4: 0, 6: 0 } as const

type SetKind = (typeof SOURCE_SETS)[number]['kind']

export class WantedSources {
  readonly sets: readonly SetMirror[]
  readonly #setByName: ReadonlyMap<string, SetMirror>
  readonly #loopback: boolean
  /** Banned prefixes by text, those that another one covers too: they may outlast it. */
  readonly #prefixes = new Map<string, BannedSource>()
  /** Goes on where it was, as in SetMirror. */
  #prefixesOldestFirst = this.#prefixes.keys()
  readonly #prefixesMax: number
  #prefixesChanged = false

  constructor({ loopback, entriesMax }: { readonly loopback: boolean; readonly entriesMax: number }) {
    this.#loopback = loopback
    this.#prefixesMax = entriesMax
    this.sets = SOURCE_SETS.map(({ name, isTimed }) => new SetMirror(name, { isTimed, max: entriesMax }))
    this.#setByName = new Map(this.sets.map((set) => [set.name, set]))
  }

  /** Whether anybody is to be refused. */
  get hasRefused(): boolean {
    return this.#prefixesChanged || this.sets.some(({ name, size }) => !name.startsWith('allowed') && size > 0)
  }

  get hasChanges(): boolean {
    return this.#prefixesChanged || this.sets.some(({ isSettled }) => !isSettled)
  }

  ban({ network, untilMs }: BannedSource): void {
    if (this.#isOutside(network)) return
    if (network.prefixLength === SINGLE_SOURCE_BITS[network.family]) {
      this.#set('banned', network.family).want(formatIp(network.bytes), untilMs)
      return
    }
    const text = elementText(network)
    this.#prefixes.delete(text)
    if (this.#prefixes.size >= this.#prefixesMax) this.#forgetOldestPrefix()
    this.#prefixes.set(text, { network, untilMs })
    this.#prefixesChanged = true
  }

  #forgetOldestPrefix(): void {
    let oldest = this.#prefixesOldestFirst.next()
    if (oldest.done === true) oldest = (this.#prefixesOldestFirst = this.#prefixes.keys()).next()
    if (oldest.done !== true) this.#prefixes.delete(oldest.value)
  }

  unban(network: Network): void {
    if (network.prefixLength === SINGLE_SOURCE_BITS[network.family]) {
      this.#set('banned', network.family).forget(formatIp(network.bytes))
    } else if (this.#prefixes.delete(elementText(network))) this.#prefixesChanged = true
  }

  /** These and no others. */
  banAll(bans: Iterable<BannedSource>): void {
    for (const family of [4, 6] as const) this.#set('banned', family).wantAll([])
    this.#prefixes.clear()
    this.#prefixesChanged = true
    for (const ban of bans) this.ban(ban)
  }

  allow(networks: readonly Network[]): void {
    this.#fill('allowed', withoutOverlaps(networks), NOTHING)
  }

  deny(networks: readonly Network[]): void {
    this.denyApart(withoutOverlaps(networks), NOTHING)
  }

  /** They are without overlaps already; `leftOut` is how many there were besides. */
  denyApart(networks: readonly Network[], leftOut: Readonly<Record<4 | 6, number>>): void {
    const outer = networks.filter((network) => !this.#isOutside(network))
    this.#fill('denied', outer, leftOut)
  }

  /** Before changes are taken: forgets what has expired, and finds which prefixes are to be in the kernel now. */
  settle(nowMs: number): void {
    let hasExpired = false
    for (const set of this.sets) if (set.sweep(nowMs) && set.name.startsWith('banned_prefixes')) hasExpired = true
    if (!this.#prefixesChanged && !hasExpired) return
    for (const [text, { untilMs }] of this.#prefixes) if (untilMs <= nowMs) this.#prefixes.delete(text)
    const cover = coverOf([...this.#prefixes.values()])
    for (const family of [4, 6] as const) {
      const ofFamily = cover.filter(({ network }) => network.family === family)
      this.#set('banned_prefixes', family).wantAll(
        ofFamily.map(({ network, untilMs }) => [elementText(network), untilMs]),
      )
    }
    this.#prefixesChanged = false
  }

  /** Whether the kernel drops it, as far as we know. */
  refuses(address: Uint8Array, nowMs: number): boolean {
    if (this.#covers('allowed', address, nowMs)) return false
    return (['banned', 'banned_prefixes', 'denied'] as const).some((kind) => this.#covers(kind, address, nowMs))
  }

  #covers(kind: SetKind, bytes: Uint8Array, nowMs: number): boolean {
    const family = bytes.length === 4 ? 4 : 6
    const set = this.#set(kind, family)
    const single = SINGLE_SOURCE_BITS[family]
    if (kind === 'banned') return set.isThere(formatIp(firstBits(bytes, single)), nowMs)
    for (let prefixLength = 0; prefixLength <= bytes.length * 8; prefixLength++) {
      if (set.isThere(elementText({ family, bytes: firstBits(bytes, prefixLength), prefixLength }), nowMs)) return true
    }
    return false
  }

  /** The kernel's table is new and empty. */
  startOver(): void {
    for (const set of this.sets) set.startOver()
  }

  #fill(kind: SetKind, networks: readonly Network[], leftOut: Readonly<Record<4 | 6, number>>): void {
    for (const family of [4, 6] as const) {
      const ofFamily = networks.filter((network) => network.family === family)
      const entries = ofFamily.map((network) => [elementText(network), Infinity] as const)
      this.#set(kind, family).wantAll(entries, leftOut[family])
    }
  }

  #set(kind: SetKind, family: 4 | 6): SetMirror {
    return this.#setByName.get(`${kind}${family}`)!
  }

  /** Loopback packets are accepted before any set is asked: an entry would only take room. */
  #isOutside({ family, bytes, prefixLength }: Network): boolean {
    if (this.#loopback) return false
    if (family === 4) return prefixLength >= 8 && bytes[0] === 127
    return prefixLength === 128 && bytes.every((byte, i) => byte === LOOPBACK_6[i])
  }
}

const LOOPBACK_6 = parseIp('::1')!

function withoutOverlaps(networks: readonly Network[]): Network[] {
  return coverOf(networks.map((network) => ({ network }))).map(({ network }) => network)
}
