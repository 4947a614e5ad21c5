/** `tidegate lists`: the allow and deny lists of a running daemon. */
import type { Command } from 'commander'
import { ADMIN_PATHS, type ListStatus, ListsAnswer } from '../api/contract.ts'
import { adminOption } from './admin-option.ts'
import { addExamples } from './examples.ts'
import { painterFor, type Painter } from './painter.ts'
import { count, shown, tableLines } from './table.ts'

const COLUMNS = ['list', 'action', 'entries', 'bad lines', 'read', 'file']

interface ListsOptions {
  readonly admin?: string
  readonly json?: true
}

export function addListsCommand(program: Command): void {
  const command = program
    .command('lists')
    .description(
      'Show the allow and deny lists of a running daemon: where they come from, and lines that are left out.',
    )
    .addOption(adminOption())
    .option('--json', 'write the answer as one JSON object')
    .action(async (options: ListsOptions) => lists(options))
  addExamples(command, [
    ['tidegate lists', 'all lists in force, those in the configuration among them'],
    ['tidegate lists --json | jq .lists', 'for programs'],
  ])
}

async function lists({ admin, json }: ListsOptions): Promise<void> {
  const { adminUrl, fetchAnswer } = await import('./admin-client.ts')
  const answer = await fetchAnswer(new URL(ADMIN_PATHS.lists, adminUrl(admin)), ListsAnswer)
  const text = json ? JSON.stringify(answer) : listsText(answer.lists, painterFor(process.stdout))
  process.stdout.write(`${text}\n`)
}

export function listsText(all: readonly ListStatus[], paint: Painter): string {
  if (all.length === 0) return 'No list names anybody.'
  const rows = all.map(({ name, action, entries, badLines, readAt, file, problem }) => ({
    cells: [name, action, count(entries), count(badLines), readAt, file].map(shown),
    ...(problem !== null || badLines > 0 ? { style: 'yellow' as const } : {}),
  }))
  const notes = all.flatMap(({ name, file, problem, badLines, firstBadLines }) => {
    const lines = firstBadLines.map(({ line, message }) => `${file}:${line}: ${message}`)
    const rest = badLines - firstBadLines.length
    return [
      ...(problem === null ? [] : [`${name}: ${file} ${problem}; what was read before is in force`]),
      ...lines,
      ...(rest > 0 ? [`${file}: and ${count(rest)} more lines`] : []),
    ]
  })
  return [...tableLines(COLUMNS, rows, paint), ...notes.map(shown)].join('\n')
}
