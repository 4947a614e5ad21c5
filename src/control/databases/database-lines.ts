/** What the log says of the databases of countries and AS numbers. */
import type { Log } from '../log/log.ts'
import { type Database, isOld, type NetworkDatabases, oldText } from './network-databases.ts'

/** Those that are not as they were `before`. */
export function sayDatabases(log: Log, databases: NetworkDatabases, before?: NetworkDatabases): void {
  for (const database of databases.all) if (before?.of(database.kind) !== database) sayDatabase(log, database)
}

function sayDatabase(log: Log, database: Database): void {
  const { kind, file, type, builtAtMs, problem } = database
  const builtAt = new Date(builtAtMs).toISOString()
  if (problem !== undefined) {
    const sentence = `Database (${kind}): ${file} ${problem}. What was read before, built ${builtAt}, stays in force.`
    return log.say('database-not-read', { database: kind, file, reason: problem, builtAt }, sentence)
  }
  const nowMs = Date.now()
  log.say(
    'database-read',
    { database: kind, file, type, builtAt },
    `Database (${kind}): ${type} of ${builtAt}, from ${file}.`,
  )
  if (isOld(database, nowMs)) {
    log.say('database-old', { database: kind, file, builtAt }, `Database (${kind}): ${oldText(database, nowMs)}.`)
  }
}
