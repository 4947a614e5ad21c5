/** Bans by hand that follow a list kept elsewhere: given again and again, whole. */
import type { AskedBans, BansByHand, RefusedPrefix } from './ban-answers.ts'
import type { Bans } from './bans.ts'
import { whyTooWide } from './by-hand.ts'
import { banText, parseBanned } from './source.ts'

/**
 * From now on operators have banned these and no others; what strikes, neighbours and signals have banned stays. What
 * cannot be read, or is too wide, leaves everything as it is: the list may be damaged. Who is never banned is left out
 * and named, as by `add`.
 */
export async function replaceByHand(
  bans: Pick<Bans, 'list' | 'add' | 'remove'>,
  asked: AskedBans,
  by: string,
): Promise<BansByHand & { readonly isTaken: boolean }> {
  const wanted = new Set<string>()
  const refused: RefusedPrefix[] = []
  for (const prefix of asked.prefixes) {
    const read = parseBanned(prefix)
    const why = read.ok ? whyTooWide(read.value, asked.force) : read.problem
    if (why !== undefined) refused.push({ prefix, why })
    else if (read.ok) wanted.add(banText(read.value))
  }
  if (refused.length > 0) return { changed: [], refused, stored: true, isTaken: false }

  const isForGood = asked.ttlMs === Infinity
  const gone: string[] = []
  for (const { text, untilMs, why } of bans.list(Infinity, 'manual')) {
    if (!wanted.has(text)) gone.push(text)
    // Every other ban gets a new end.
    else if (isForGood && untilMs === Infinity && why === asked.comment) wanted.delete(text)
  }
  // Both have done their work before they wait for the disk: nobody sees the one without the other.
  const [removed, added] = await Promise.all([bans.remove(gone, by), bans.add({ ...asked, prefixes: [...wanted] }, by)])
  return {
    changed: [...removed.changed, ...added.changed],
    refused: added.refused,
    stored: removed.stored && added.stored,
    isTaken: true,
  }
}
