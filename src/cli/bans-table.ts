/** The text of `tidegate bans`. Pure. */
import type { BanChangeAnswer, BanList, BanView } from '../api/contract.ts'
import type { Painter } from './painter.ts'
import { count, shown, tableLines } from './table.ts'

const COLUMNS = ['prefix', 'since', 'until', 'origin', 'by', 'why'] as const

/** `isPart`: only some were asked for, so that their number says nothing about all. */
export function bansText({ total, bans }: BanList, isPart: boolean, paint: Painter): string {
  if (bans.length === 0) return isPart ? 'None.\n' : 'Nobody is banned.\n'
  const lines = tableLines(COLUMNS, bans.map(rowOf), paint)
  const hidden = total - bans.length
  if (!isPart && hidden > 0) lines.push(`  … and ${count(hidden)} older ones; --all shows them`)
  return `${lines.join('\n')}\n`
}

function rowOf({ prefix, since, until, origin, by, why, watched, repeated }: BanView): {
  readonly cells: readonly string[]
  readonly style?: 'yellow'
} {
  const again = repeated === 0 ? '' : ` (ban ${repeated + 1})`
  const ends = until === null ? 'forever' : timeText(until)
  const said = watched ? `would be banned: ${why}` : why
  const cells = [shown(prefix), timeText(since), ends, origin, shown(by), shown(said) + again]
  return watched ? { cells, style: 'yellow' } : { cells }
}

/** To the second, in UTC. */
function timeText(iso: string): string {
  return `${iso.slice(0, 19).replace('T', ' ')}Z`
}

export function banChangeText(
  { changed, refused, stored, total }: BanChangeAnswer,
  verb: 'banned' | 'unbanned',
): { readonly out: string; readonly problems: string } {
  const bans = total === 1 ? 'is 1 ban' : `are ${count(total)} bans`
  const lines = refused.map(({ prefix, why }) => `${shown(prefix)} ${shown(why)}.`)
  const lost = 'Warning: this could not be stored, and holds until the next start only; the log of the daemon says why.'
  if (!stored) lines.push(lost)
  return {
    out: `${count(changed)} ${verb}; there ${bans} now.\n`,
    problems: lines.map((line) => `${line}\n`).join(''),
  }
}
