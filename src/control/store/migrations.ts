/**
 * The schema, step by step. A step that was published is never changed; what is to be different is a new step at the end.
 * During an upgrade the version before goes on with the new schema for as long as its connections last, so a step may
 * add tables, and columns with a default, and no more.
 */
import type { Database } from './database.ts'
import { StoreError } from './store-error.ts'

interface Migration {
  readonly number: number
  readonly name: string
  readonly sql: string
}

const FIRST = `
CREATE TABLE users (
  name TEXT PRIMARY KEY COLLATE NOCASE, passwordHash TEXT NOT NULL, role TEXT NOT NULL, totpSecret TEXT,
  totpStep INTEGER, createdMs REAL NOT NULL, lastLoginMs REAL, isDisabled INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE tokens (
  id TEXT PRIMARY KEY, hash TEXT NOT NULL UNIQUE, name TEXT NOT NULL, role TEXT NOT NULL, services TEXT,
  createdMs REAL NOT NULL, expiresMs REAL, lastUsedMs REAL, by TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE sessions (
  hash TEXT PRIMARY KEY, user TEXT NOT NULL COLLATE NOCASE, createdMs REAL NOT NULL, lastSeenMs REAL NOT NULL,
  expiresMs REAL NOT NULL, address TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessionsByUser ON sessions (user, lastSeenMs);
CREATE INDEX sessionsBySeen ON sessions (lastSeenMs);
CREATE INDEX sessionsByEnd ON sessions (expiresMs);

CREATE TABLE audit (
  id INTEGER PRIMARY KEY AUTOINCREMENT, atMs REAL NOT NULL, who TEXT NOT NULL, address TEXT NOT NULL,
  action TEXT NOT NULL, target TEXT NOT NULL, details TEXT NOT NULL, result TEXT NOT NULL
) STRICT;
CREATE INDEX auditByTime ON audit (atMs);

CREATE TABLE configTexts (sha256 TEXT PRIMARY KEY, text TEXT NOT NULL, bytes INTEGER NOT NULL) STRICT;
CREATE TABLE configHistory (
  id INTEGER PRIMARY KEY AUTOINCREMENT, atMs REAL NOT NULL, who TEXT NOT NULL, why TEXT NOT NULL,
  sha256 TEXT NOT NULL
) STRICT;
CREATE INDEX configHistoryByText ON configHistory (sha256);

CREATE TABLE listEntries (
  list TEXT NOT NULL, network TEXT NOT NULL, comment TEXT NOT NULL, untilMs REAL, by TEXT NOT NULL,
  sinceMs REAL NOT NULL, PRIMARY KEY (list, network)
) STRICT, WITHOUT ROWID;
CREATE INDEX listEntriesByEnd ON listEntries (untilMs) WHERE untilMs IS NOT NULL;

CREATE TABLE totals (
  service TEXT NOT NULL, name TEXT NOT NULL, value REAL NOT NULL, sinceMs REAL NOT NULL, PRIMARY KEY (service, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE seriesWriters (writer TEXT PRIMARY KEY, sequence INTEGER NOT NULL, atMs REAL NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE seriesServices (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE seriesFields (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE seriesSeconds (
  service INTEGER NOT NULL, atS INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (service, atS)
) STRICT;
CREATE TABLE seriesMinutes (
  service INTEGER NOT NULL, atS INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (service, atS)
) STRICT, WITHOUT ROWID;
CREATE TABLE seriesHours (
  service INTEGER NOT NULL, atS INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (service, atS)
) STRICT, WITHOUT ROWID;

CREATE TABLE notificationStates (key TEXT PRIMARY KEY, state TEXT NOT NULL, atMs REAL NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE deliveries (
  id INTEGER PRIMARY KEY AUTOINCREMENT, atMs REAL NOT NULL, channel TEXT NOT NULL, event TEXT NOT NULL,
  message TEXT NOT NULL, state TEXT NOT NULL, attempts INTEGER NOT NULL, nextMs REAL, error TEXT
) STRICT;
CREATE INDEX deliveriesWaiting ON deliveries (id) WHERE state = 'waiting';

CREATE TABLE exposure (
  id INTEGER PRIMARY KEY AUTOINCREMENT, atMs REAL NOT NULL, service TEXT NOT NULL, vantage TEXT NOT NULL,
  result TEXT NOT NULL, details TEXT NOT NULL
) STRICT;
CREATE INDEX exposureByService ON exposure (service, vantage, id);

CREATE TABLE attacks (
  service TEXT NOT NULL, startMs REAL NOT NULL, number INTEGER NOT NULL, endMs REAL, record TEXT NOT NULL,
  PRIMARY KEY (service, startMs)
) STRICT;
CREATE INDEX attacksByStart ON attacks (startMs);
CREATE INDEX attacksByNumber ON attacks (number);
`

const BANS = `
CREATE TABLE bans (
  prefix TEXT PRIMARY KEY, sinceMs REAL NOT NULL, untilMs REAL, why TEXT NOT NULL, by TEXT NOT NULL
) STRICT, WITHOUT ROWID;
`

export const MIGRATIONS: readonly Migration[] = [
  { number: 1, name: 'the first tables', sql: FIRST },
  { number: 2, name: 'bans by hand', sql: BANS },
]

/** 'TIDE': says in the file's header whose it is [sqlite.org/pragma.html#pragma_application_id]. */
const APPLICATION_ID = 0x54494445

/** Brings the file to what this version knows. E_STORE_NEWER and E_STORE_FOREIGN leave it as it is. */
export function migrate(db: Database, path: string, nowMs: number, migrations = MIGRATIONS): void {
  const known = migrations.at(-1)!.number
  // Looked at first without a lock: nearly every start finds nothing to do.
  if (db.transaction('read', () => checkedVersion(db, path, known)) === known) return
  db.transaction('write', () => {
    const version = checkedVersion(db, path, known)
    if (version === 0) db.sqlite.exec(`PRAGMA application_id = ${APPLICATION_ID}`)
    if (version === 0)
      db.sqlite.exec('CREATE TABLE migrations (number INTEGER PRIMARY KEY, name TEXT, atMs REAL) STRICT')
    for (const { number, name, sql } of migrations.filter((step) => step.number > version)) {
      db.sqlite.exec(sql)
      db.run('INSERT INTO migrations (number, name, atMs) VALUES (:number, :name, :nowMs)', { number, name, nowMs })
    }
  })
}

/** 0 for a file without tables. */
function checkedVersion(db: Database, path: string, known: number): number {
  const tables = db.number("SELECT count(*) FROM sqlite_schema WHERE type = 'table'")
  if (tables === 0) return 0
  if (db.number('PRAGMA application_id') !== APPLICATION_ID)
    throw new StoreError(
      'E_STORE_FOREIGN',
      `${path} is another program's database; move it away, or set admin.stateDir to another folder.`,
    )
  const version = db.number('SELECT max(number) FROM migrations')
  if (version > known)
    throw new StoreError(
      'E_STORE_NEWER',
      `${path} was written by a newer version of Tidegate (schema ${version}, this one knows ${known}). Start that version, or move the file away.`,
    )
  return version
}
