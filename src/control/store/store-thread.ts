/** The thread that has the store's file open: SQLite waits for the disk here, where nobody else has to. */
import { statSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { TABLES } from './all-tables.ts'
import { backUp } from './backup-file.ts'
import type { Database } from './database.ts'
import { storeErrorOf } from './sqlite-errors.ts'
import { endsTheThread, StoreError } from './store-error.ts'
import { openStoreFile } from './store-file.ts'
import type { StoreFailure, StoreReport, StoreRequest, StoreThreadStart } from './store-messages.ts'
import type { Table } from './table.ts'

const { path, bytesMax, isSuspect } = workerData as StoreThreadStart
const port = parentPort!
/** What an hour of series and a large configuration may take at once. */
const PROBE_BYTES = 256 * 1024

function report(message: StoreReport): void {
  port.postMessage(message)
}

function failureOf(error: unknown): StoreFailure {
  const { code, message } = storeErrorOf(error, path)
  return { code, message }
}

function open(): Database | undefined {
  try {
    const { db, setAside } = openStoreFile(path, { bytesMax, isSuspect })
    report({ kind: 'opened', setAside })
    return db
  } catch (error) {
    report({ kind: 'not-opened', failure: failureOf(error) })
    return undefined
  }
}

/** What is written to a file without a name is lost. */
function checkIsThere(): void {
  if (statSync(path, { throwIfNoEntry: false })?.ino === fileId) return
  throw new StoreError('E_STORE_GONE', `${path} was moved or deleted while it was open. It is begun anew.`)
}

function call(db: Database, tableName: string, name: string, args: readonly unknown[]): unknown {
  const table = (TABLES as Readonly<Record<string, Table>>)[tableName]
  const kind = table !== undefined && Object.hasOwn(table.reads, name) ? 'read' : 'write'
  const operation = kind === 'read' ? table.reads[name] : table?.writes[name]
  if (operation === undefined) throw new StoreError('E_STORE_INTERNAL', `The store has no ${tableName}.${name}.`)
  if (kind === 'write') checkIsThere()
  return db.transaction(kind, () => operation(db, ...(args as never[])))
}

function probe(db: Database): void {
  checkIsThere()
  db.transaction('write', () => {
    db.sqlite.exec('DROP TABLE IF EXISTS probe')
    db.sqlite.exec(`CREATE TABLE probe AS SELECT zeroblob(${PROBE_BYTES}) AS bytes`)
  })
  db.transaction('write', () => db.sqlite.exec('DROP TABLE probe'))
}

async function answer(db: Database, request: Exclude<StoreRequest, { kind: 'close' }>): Promise<void> {
  const { id } = request
  try {
    let result: unknown
    if (request.kind === 'call') result = call(db, request.table, request.name, request.args)
    else if (request.kind === 'backup') result = await backUp(db, request.path)
    else probe(db)
    report({ kind: 'done', id, result })
  } catch (error) {
    const failure = failureOf(error)
    report({ kind: 'failed', id, failure })
    // Whoever opens it next sets it aside, or makes a new one.
    if (endsTheThread(failure.code)) end(db)
  }
}

function end(db: Database): void {
  if (db.sqlite.isOpen) db.sqlite.close()
  port.close()
}

const db = open()
const fileId = statSync(path, { throwIfNoEntry: false })?.ino
if (db === undefined) port.close()
else {
  port.on('message', (request: StoreRequest) => {
    if (request.kind === 'close') end(db)
    else void answer(db, request)
  })
}
