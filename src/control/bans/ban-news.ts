/** Bans and unbans as they happen, for others who go by them: the kernel, and another process of this node. */
import type { Network } from '../../lib/ip.ts'
import type { Ban } from './ban.ts'
import type { StoredBan } from './ban-file.ts'

/** For the kernel's part in refusing. `timeoutMs`: Infinity is for good. */
export interface BanChange {
  readonly add?: readonly { readonly prefix: Network; readonly timeoutMs: number }[]
  readonly remove?: readonly Network[]
}

/** Bans made and taken back here, for the next version of this node, which has begun with those of before. */
export interface BanNews {
  banned(bans: readonly StoredBan[]): void
  unbanned(prefixes: readonly string[]): void
}

export function timedPrefix({ network, untilMs }: Ban, nowMs: number): { prefix: Network; timeoutMs: number } {
  return { prefix: network, timeoutMs: untilMs - nowMs }
}
