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
  const widest = WIDE_BITS[network.family]
  if (network.prefixLength < widest && !isForced) {
    return `is wider than a /${widest}, to be banned by --force only`
  }
  const immune = immunity.of(network, nowMs)
  return immune === undefined ? undefined : `${immuneText(network, immune)}, and is never banned`
}
