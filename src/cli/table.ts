/** Columns that stand under each other, two spaces in. */
import type { Painter } from './painter.ts'

export interface TableRow {
  readonly cells: readonly string[]
  readonly style?: 'red' | 'yellow'
}

export function tableLines(columns: readonly string[], rows: readonly TableRow[], paint: Painter): string[] {
  const widths = columns.map((column, i) => Math.max(column.length, ...rows.map(({ cells }) => cells[i].length)))
  const line = (cells: readonly string[]): string =>
    `  ${cells.map((cell, i) => cell.padEnd(widths[i])).join('  ')}`.trimEnd()
  // Painted after padding: colour codes have no width.
  return [
    paint('dim', line(columns)),
    ...rows.map(({ cells, style }) => (style === undefined ? line(cells) : paint(style, line(cells)))),
  ]
}

export function count(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}

/** Text from the other side, without what could move a terminal's cursor. */
export function shown(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]/gu, '?')
}
