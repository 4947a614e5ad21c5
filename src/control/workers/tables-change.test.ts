import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { WorkerCommand } from '../../traffic/events.ts'
import type { Tables } from '../../traffic/tables.ts'
import { type ChangeAnswer, type ChangingThread, TablesChange } from './tables-change.ts'

const TABLES: Tables = { version: 2, logConnections: 'all', services: [] }

/** Threads that answer as `answerTo` says; undefined is no answer. */
function changeWith(answerTo: (worker: number, kind: WorkerCommand['kind']) => ChangeAnswer['kind'] | undefined): {
  change: TablesChange
  posted: string[]
} {
  const posted: string[] = []
  const threads = [0, 1].map((index): ChangingThread => ({
    index,
    hasEnded: false,
    post: ({ kind }) => {
      posted.push(`${index}: ${kind}`)
      const answer = answerTo(index, kind)
      if (answer === 'prepared') change.takeAnswer(index, { kind: answer, addresses: [] })
      else if (answer === 'settled') change.takeAnswer(index, { kind: answer })
    },
  }))
  const change: TablesChange = new TablesChange(threads, TABLES, 20)
  return { change, posted }
}

test('a worker that says nothing to `prepare` fails the change, and all are told to cancel', async () => {
  const { change, posted } = changeWith((worker, kind) => {
    if (kind === 'prepare') return worker === 0 ? 'prepared' : undefined
    return 'settled'
  })
  await assert.rejects(
    change.prepare(() => false),
    /Worker 1 did not answer within 0.02 s/,
  )
  assert.deepEqual(posted, ['0: prepare', '1: prepare', '0: cancel', '1: cancel'])
})

test('a late answer to `prepare` is not taken for one to `cancel`, and no wait is without end', async () => {
  const { change } = changeWith((_, kind) => (kind === 'prepare' ? undefined : 'prepared'))
  await assert.rejects(
    change.prepare(() => false),
    /Worker 0 did not answer/,
  )
})

test('a worker that is slow to commit does not undo what is in force', async () => {
  const { change, posted } = changeWith((_, kind) => (kind === 'prepare' ? 'prepared' : undefined))
  await change.prepare(() => false)
  await change.commit()
  assert.deepEqual(posted.slice(2), ['0: commit', '1: commit'])
})
