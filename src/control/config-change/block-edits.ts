/** Changes of mappings and lists whose entries stand on lines of their own. */
import { isMap } from 'yaml'
import { CannotEdit, type EditValue } from './config-edit.ts'
import { blockText, flowText } from './value-text.ts'
import { dashOf, type Splice, startOf, type YamlList, type YamlMap, type YamlText } from './yaml-text.ts'

/** Comments above the item stay with it; the new one comes right behind the item before. */
export function insertIntoBlockList(yaml: YamlText, list: YamlList, at: number, value: EditValue): Splice {
  const { style } = yaml
  const dash = dashOf(list, 0)
  const column = yaml.column(dash)
  const item = `- ${isWrittenInOneLine(list) ? flowText(value, style) : blockText(value, column + 2, style)}`
  const line = style.newline + ' '.repeat(column)
  if (at === 0) return { from: dash, to: dash, text: item + line }
  const end = yaml.endWithComments(yaml.end(list.items[at - 1]), column)
  return { from: end, to: end, text: line + item }
}

/** The mappings that are there are all between braces. */
function isWrittenInOneLine(list: YamlList): boolean {
  const maps = list.items.filter((item) => isMap(item))
  return maps.length > 0 && maps.every(({ flow }) => flow === true)
}

export function removeFromBlockList(yaml: YamlText, list: YamlList, at: number): Splice {
  const end = yaml.end(list.items[at])
  if (list.items.length === 1) return { from: dashOf(list, 0), to: end, text: '[]' }
  return removeEntry(yaml, dashOf(list, at), end, at === list.items.length - 1 ? undefined : dashOf(list, at + 1))
}

export function removeFromBlockMap(yaml: YamlText, map: YamlMap, at: number): Splice {
  const end = yaml.endOfPair(map.items[at])
  if (map.items.length === 1) return { from: startOf(map.items[0].key), to: end, text: '{}' }
  const next = map.items[at + 1]
  return removeEntry(yaml, startOf(map.items[at].key), end, next === undefined ? undefined : startOf(next.key))
}

/** With its lines, where they are its own: comments above it stay. */
function removeEntry(yaml: YamlText, from: number, end: number, next: number | undefined): Splice {
  if (yaml.isFirstOnLine(from)) {
    const to = yaml.nextLine(end)
    const isLastLine = to === yaml.text.length && !yaml.text.endsWith('\n')
    return isLastLine
      ? { from: yaml.lineEnd(yaml.lineStart(yaml.lineStart(from) - 1)), to, text: '' }
      : { from: yaml.lineStart(from), to, text: '' }
  }
  // `- address: …` goes, and the next key moves up to the dash.
  if (next === undefined || yaml.between(end, next).includes('#')) throw inTheWay()
  return { from, to: next, text: '' }
}

/** Whole lines change places, with the comments right above them. Blank lines between them stay where they are. */
export function orderBlockList(yaml: YamlText, list: YamlList, order: readonly number[]): Splice[] {
  const dashes = list.items.map((_, i) => dashOf(list, i))
  if (!dashes.every((dash) => yaml.isFirstOnLine(dash))) throw inTheWay()
  const starts = dashes.map((dash) => commentStart(yaml, dash))
  // A comment above the first alone may be one on the whole list.
  if (starts.slice(1).every((start, i) => start === yaml.lineStart(dashes[i + 1])))
    starts[0] = yaml.lineStart(dashes[0])
  const ends = list.items.map((item, i) => yaml.endWithComments(yaml.end(item), yaml.column(dashes[i])))
  return order.flatMap((from, to) =>
    from === to ? [] : [{ from: starts[to], to: ends[to], text: yaml.between(starts[from], ends[from]) }],
  )
}

/** Where the comment lines above an item begin; those that are indented deeper belong to the item before. */
function commentStart(yaml: YamlText, dash: number): number {
  const column = yaml.column(dash)
  let start = yaml.lineStart(dash)
  while (start > 0) {
    const above = yaml.lineStart(start - 1)
    const indent = /^( *)#/.exec(yaml.between(above, start))?.[1]
    if (indent === undefined || indent.length > column) break
    start = above
  }
  return start
}

function inTheWay(): CannotEdit {
  return new CannotEdit('A comment, or the way the lines are written, is in the way; make the change in the text.')
}
