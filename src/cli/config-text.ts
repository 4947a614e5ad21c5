/** The text of `tidegate config`. Pure. */
import type { ConfigChangeAnswer, ConfigHistoryAnswer } from '../api/contract.ts'
import type { Painter } from './painter.ts'
import { shown, tableLines } from './table.ts'

const COLUMNS = ['id', 'since', 'by', 'version', 'why'] as const

export function historyText({ versions }: ConfigHistoryAnswer, paint: Painter): string {
  if (versions.length === 0) return 'The history is empty.\n'
  const rows = versions.map(({ id, at, who, version, why }) => ({
    cells: [String(id), `${at.slice(0, 19).replace('T', ' ')}Z`, shown(who), version.slice(0, 12), shown(why)],
  }))
  return `${tableLines(COLUMNS, rows, paint).join('\n')}\n`
}

/** `file` is where the text came from, which the daemon knows only as its own file. */
export function changeText(
  answer: ConfigChangeAnswer,
  paint: Painter,
  file?: string,
): { readonly out: string; readonly problems: string } {
  const unified = unifiedText(answer.unified, paint)
  const text = lines(file === undefined ? answer.text : placedIn(file, answer), shown)
  switch (answer.kind) {
    case 'checked':
      return { out: unified + text, problems: '' }
    case 'done':
      return { out: `${unified}${text}In force, version ${answer.version.slice(0, 12)}.\n`, problems: lost(answer) }
    default: {
      const left =
        answer.notPutBack === undefined
          ? 'Nothing has changed.\n'
          : `What is in force has not changed, but the new text is still in the file: ${shown(answer.notPutBack)}\n`
      return { out: '', problems: text + left }
    }
  }
}

/** `tidegate.yaml:6:11: …` is line 6 of the file that was sent. */
function placedIn(file: string, answer: ConfigChangeAnswer): string {
  if (answer.kind !== 'wrong-config') return answer.text
  const places = new Set(answer.problems.map((problem) => problem.file))
  const place = (line: string): string | undefined => [...places].find((known) => line.startsWith(`${known}:`))
  return answer.text
    .split('\n')
    .map((line) => {
      const known = place(line)
      return known === undefined ? line : file + line.slice(known.length)
    })
    .join('\n')
}

function lost({ history }: Extract<ConfigChangeAnswer, { kind: 'done' | 'checked' }>): string {
  if (history === undefined || 'id' in history) return ''
  return `Warning: the history does not have it: ${shown(history.problem)}\n`
}

function unifiedText(unified: string, paint: Painter): string {
  return lines(unified, (line) => {
    if (line.startsWith('+')) return paint('green', shown(line))
    return line.startsWith('-') ? paint('red', shown(line)) : shown(line)
  })
}

function lines(text: string, show: (line: string) => string): string {
  if (text === '') return ''
  return text
    .replace(/\n$/, '')
    .split('\n')
    .map((line) => `${show(line)}\n`)
    .join('')
}
