/** The difference of two texts as `diff -u` shows it; empty when there is none. */
import { lineChanges, type LineChange } from './line-changes.ts'

/** Unchanged lines around a change. */
const AROUND = 3
const NO_LAST_BREAK = '\\ No newline at end of file'

export function unifiedText(before: string, after: string, name: string): string {
  const [old, fresh] = [linesOf(before), linesOf(after)]
  const changes = lineChanges(old, fresh)
  if (changes.length === 0) return ''
  const hunks = grouped(changes).map((group) => hunkText(group, old))
  return [`--- ${name}`, `+++ ${name}`, ...hunks].join('\n') + '\n'
}

/** Each with its line break, so that a last line without one differs. */
function linesOf(text: string): string[] {
  return text === '' ? [] : text.split(/(?<=\n)/)
}

/** Changes that are near each other share a hunk. */
function grouped(changes: readonly LineChange[]): LineChange[][] {
  const groups: LineChange[][] = []
  for (const change of changes) {
    const last = groups.at(-1)?.at(-1)
    if (last !== undefined && change.oldAt - (last.oldAt + last.removed.length) <= 2 * AROUND)
      groups.at(-1)!.push(change)
    else groups.push([change])
  }
  return groups
}

function hunkText(changes: readonly LineChange[], old: readonly string[]): string {
  const [first, last] = [changes[0], changes.at(-1)!]
  const from = Math.max(0, first.oldAt - AROUND)
  const to = Math.min(old.length, last.oldAt + last.removed.length + AROUND)
  const lines: string[] = []
  let place = from
  for (const { oldAt, removed, added } of changes) {
    lines.push(...old.slice(place, oldAt).map((line) => shown(' ', line)))
    lines.push(...removed.map((line) => shown('-', line)), ...added.map((line) => shown('+', line)))
    place = oldAt + removed.length
  }
  lines.push(...old.slice(place, to).map((line) => shown(' ', line)))
  const grown = changes.reduce((sum, { added, removed }) => sum + added.length - removed.length, 0)
  const newFrom = first.newAt - (first.oldAt - from)
  return [`@@ -${range(from, to - from)} +${range(newFrom, to - from + grown)} @@`, ...lines].join('\n')
}

function shown(sign: string, line: string): string {
  return line.endsWith('\n') ? sign + line.slice(0, -1) : `${sign}${line}\n${NO_LAST_BREAK}`
}

/** A hunk without lines begins at the line before it. */
function range(from: number, count: number): string {
  return `${count === 0 ? from : from + 1},${count}`
}
