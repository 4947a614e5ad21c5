/** An upstream says that a client misbehaves: whether that makes a ban, and which. */
import { type Ban, makeBan } from './ban.ts'
import type { BanBook } from './ban-book.ts'
import type { BanRules } from './ban-rules.ts'
import { immuneText, type Immunity } from './immunity.ts'
import { banText, sourceOf } from './source.ts'

export interface BanSignal {
  /** 4 or 16 bytes. */
  readonly client: Uint8Array
  readonly ttlMs: number
  readonly why: string
  /** For people: who said so. */
  readonly by: string
}

export type SignalledBan =
  /** `isNew` is false where a ban of before ends no earlier. It is on the disk within seconds. */
  | { readonly kind: 'banned'; readonly ban: Ban; readonly isNew: boolean; readonly displaced?: Ban | undefined }
  /** `why` is what a sentence that begins with the prefix goes on with. */
  | { readonly kind: 'never'; readonly prefix: string; readonly why: string; readonly displaced?: undefined }

interface Judges {
  readonly book: BanBook
  readonly immunity: Immunity
  readonly rules: BanRules
  readonly nowMs: number
}

/** What it makes is in the book, and has yet to be enforced. */
export function judgeSignal(
  { client, ttlMs, why, by }: BanSignal,
  { book, immunity, rules, nowMs }: Judges,
): SignalledBan {
  const network = sourceOf(client, client.length === 4 ? 4 : 6)
  const immune = immunity.of(network, nowMs)
  if (immune !== undefined) return { kind: 'never', prefix: banText(network), why: immuneText(network, immune) }
  const untilMs = nowMs + Math.min(ttlMs, rules.ttlMaxMs)
  const longer = book.covering(network).find((ban) => !ban.isWatched && ban.untilMs >= untilMs)
  if (longer !== undefined) return { kind: 'banned', ban: longer, isNew: false }
  const ban = makeBan(network, { origin: 'signals', sinceMs: nowMs, untilMs, why, by, repeated: 0, isWatched: false })
  const { taken, displaced } = book.put(ban)
  if (taken) return { kind: 'banned', ban, isNew: true, displaced }
  return { kind: 'never', prefix: ban.text, why: `finds no room (protect.bans.max is ${rules.max})` }
}
