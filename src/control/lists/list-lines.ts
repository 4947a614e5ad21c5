/** What the log says of list files that were read. */
import type { Log } from '../log/log.ts'
import type { List, Lists } from './lists.ts'

/** A page of errors is no log. */
const BAD_LINES_SAID = 5

/** Files that are not as they were `before`. */
export function sayLists(log: Log, lists: Lists, before?: Lists): void {
  const files = lists.all.filter((list) => list.noted !== undefined && before?.all.includes(list) !== true)
  for (const list of files) sayList(log, list)
  for (const warning of lists.warnings) log.say('list-overlap', {}, `${warning}.`)
}

function sayList(log: Log, { name: list, file, action, entries, badLines, badLineCount, problem }: List): void {
  if (problem !== undefined) {
    const sentence = `List ${list}: ${file} ${problem}. The ${entries.count} entries that were read before stay in force.`
    return log.say('list-not-read', { list, file, reason: problem, entries: entries.count }, sentence)
  }
  const sentence = `List ${list}: ${entries.count} entries to ${action}, from ${file}.`
  log.say('list-read', { list, file, action, entries: entries.count, badLines: badLineCount }, sentence)
  if (badLineCount === 0) return
  const first = badLines.slice(0, BAD_LINES_SAID).map(({ line, message }) => `${file}:${line}: ${message}`)
  const rest = badLineCount > first.length ? `; and ${badLineCount - first.length} more` : ''
  log.say(
    'list-bad-lines',
    { list, file, badLines: badLineCount, first },
    `List ${list}: ${badLineCount} lines cannot be read and are left out: ${first.join('; ')}${rest}.`,
  )
}
