/** Tables as text that spreadsheets read [RFC 4180], and that they run nothing of. */

export type Cell = string | number | null | undefined

/** A text that begins so is a formula to a spreadsheet; clients choose some of what is in ours. */
const FORMULA = /^[=+\-@\t\r\n]/

export function csv(header: readonly string[], rows: readonly (readonly Cell[])[]): string {
  return [header, ...rows].map((row) => `${row.map(cellText).join(',')}\r\n`).join('')
}

function cellText(cell: Cell): string {
  if (cell === null || cell === undefined) return ''
  if (typeof cell === 'number') return Number.isFinite(cell) ? String(cell) : ''
  const safe = FORMULA.test(cell) ? `'${cell}` : cell
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

/** For the names of files: `web/../x` is `web-x`. */
export function fileName(...parts: readonly string[]): string {
  const words = parts.flatMap((part) => part.split(/[^\p{L}\p{N}_]+/u)).filter((word) => word !== '')
  return words.join('-').slice(0, 80) || 'tidegate'
}
