/** What an operator may ban, and what is refused with the reason. */
import type { Network } from '../../lib/ip.ts'
import { immuneText, type Immunity } from './immunity.ts'
import { WIDE_BITS } from './source.ts'

/** The end of a sentence that begins with the prefix; undefined where it may be banned. */
export function whyNotByHand(
  network: Network,
  isForced: boolean,
  immunity: Immunity,
  nowMs: number,
): string | undefined {
  const immune = immunity.of(network, nowMs)
  const whyNever = immune === undefined ? undefined : `${immuneText(network, immune)}, and is never banned`
  return whyTooWide(network, isForced) ?? whyNever
}

export function whyTooWide({ family, prefixLength }: Network, isForced: boolean): string | undefined {
  const widest = WIDE_BITS[family]
  return isForced || prefixLength >= widest
    ? undefined
    : `is wider than a /${widest}, to be banned by force only (--force, "force": true)`
}
