/** Changes of mappings and lists between brackets: `{ address: …, weight: 5 }`, and JSON. */
import { isMap } from 'yaml'
import { CannotEdit } from './config-edit.ts'
import { rangeOf, type Splice, startOf, type YamlList, type YamlMap, type YamlText } from './yaml-text.ts'

type Flow = YamlMap | YamlList

/** Nothing but a comma and a comment follows on the line. */
const REST_OF_LINE = /^([ \t]*,)?[ \t]*(#.*)?$/

export function insertIntoFlow(yaml: YamlText, flow: Flow, at: number, entry: string): Splice[] {
  const spans = spansOf(yaml, flow)
  const [open] = rangeOf(flow)
  if (spans.length === 0) {
    const text = isMap(flow) && !yaml.style.isJson ? ` ${entry} ` : entry
    return [{ from: open + 1, to: rangeOf(flow)[1] - 1, text }]
  }
  const beside = spans[Math.max(at - 1, 0)]
  const hasOwnLine = yaml.lineStart(beside.from) > open && yaml.isFirstOnLine(beside.from)
  const line = yaml.style.newline + ' '.repeat(yaml.column(beside.from))
  if (at === 0) return [here(beside.from, hasOwnLine ? `${entry},${line}` : `${entry}, `)]
  const end = yaml.lineEnd(beside.to)
  const rest = REST_OF_LINE.exec(yaml.between(beside.to, end))
  if (!hasOwnLine || rest === null) return [here(beside.to, `, ${entry}`)]
  const hasComma = rest[1] !== undefined
  if (hasComma) return [here(end, `${line}${entry},`)]
  return end === beside.to ? [here(end, `,${line}${entry}`)] : [here(beside.to, ','), here(end, `${line}${entry}`)]
}

export function removeFromFlow(yaml: YamlText, flow: Flow, at: number): Splice {
  const spans = spansOf(yaml, flow)
  const { from, to } = spans[at]
  if (spans.length === 1) return { from, to, text: '' }
  const cut = at === spans.length - 1 ? { from: spans[at - 1].to, to } : { from, to: spans[at + 1].from }
  const beside = at === spans.length - 1 ? yaml.between(cut.from, from) : yaml.between(to, cut.to)
  if (beside.includes('#')) {
    throw new CannotEdit('A comment stands beside what is to be removed; make the change in the text.')
  }
  return { ...cut, text: '' }
}

export function orderFlowList(yaml: YamlText, list: YamlList, order: readonly number[]): Splice[] {
  const spans = spansOf(yaml, list)
  return order.flatMap((from, to) =>
    from === to ? [] : [{ ...spans[to], text: yaml.between(spans[from].from, spans[from].to) }],
  )
}

function spansOf(yaml: YamlText, flow: Flow): { readonly from: number; readonly to: number }[] {
  if (isMap(flow)) {
    return flow.items.map((pair) => ({ from: startOf(pair.key), to: yaml.endOfPair(pair) }))
  }
  return flow.items.map((item) => ({ from: startOf(item), to: yaml.end(item) }))
}

function here(at: number, text: string): Splice {
  return { from: at, to: at, text }
}
