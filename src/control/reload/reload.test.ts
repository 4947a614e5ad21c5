import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { capturedLog } from '../../../test/harness/captured-log.ts'
import { temporaryFolder } from '../../../test/harness/config.ts'
import { parseConfig } from '../config/load.ts'
import { Reload, type ReloadOptions } from './reload.ts'

interface FakeNode {
  readonly state: () => string
  readonly useLists?: () => void
  readonly useDatabases?: () => void
}

function reloadOf(node: FakeNode, more: Partial<ReloadOptions> = {}) {
  const folder = temporaryFolder()
  writeFileSync(join(folder, 'drop.txt'), '192.0.2.0/24\n')
  const text = JSON.stringify({
    protect: { lists: [{ file: 'drop.txt', action: 'deny' }] },
    services: [{ name: 'web', listen: ['*:443'], upstreams: ['203.0.113.1:443'] }],
  })
  const { log, records } = capturedLog()
  const followed: string[] = []
  const watchOf = (name: string) => ({ follow: () => followed.push(name), stop: () => {} })
  const reload = new Reload({
    path: undefined,
    env: {},
    log,
    listWatch: watchOf('lists'),
    databaseWatch: watchOf('databases'),
    node: {
      config: parseConfig(text, join(folder, 'tidegate.yaml'), {}),
      lists: () => undefined,
      databases: () => undefined,
      ...node,
    },
    ...more,
  } as unknown as ReloadOptions)
  return { reload, records, followed }
}

describe('files that changed', () => {
  test('are not brought into a node that is told to stop while they are read', async () => {
    let looks = 0
    const state = () => (looks++ % 2 === 0 ? 'ready' : 'draining')
    const used: string[] = []
    const { reload, followed } = reloadOf({
      state,
      useLists: () => used.push('lists'),
      useDatabases: () => used.push('databases'),
    })
    await reload.readLists()
    await reload.readDatabases()
    assert.deepEqual([used, followed, looks], [[], [], 4])
  })

  test('whatever is in the way of them ends nothing: what was read before stays, and the log says so', async () => {
    const fails = () => {
      throw new RangeError('Array buffer allocation failed')
    }
    const { reload, records } = reloadOf({ state: () => 'ready', useLists: fails, useDatabases: fails })
    await reload.readLists()
    await reload.readDatabases()
    assert.deepEqual(
      records().map(({ event, reason }) => [event, reason]),
      [
        ['list-not-read', 'Array buffer allocation failed'],
        ['database-not-read', 'Array buffer allocation failed'],
      ],
    )
  })
})

test('a reload waits for a next version that is starting, which may have read the file as it was before', async () => {
  const upgrade = Promise.withResolvers<void>()
  let state = 'ready'
  const { reload, records } = reloadOf(
    { state: () => state },
    { path: 'tidegate.yaml', upgradeDecided: () => upgrade.promise },
  )
  const outcome = reload.run('SIGHUP')
  await nextTurn()
  // It serves: nothing is taken over here any more.
  state = 'draining'
  upgrade.resolve()
  const { kind, text } = await outcome
  assert.deepEqual([kind, text], ['failed', 'The node is draining; only a ready one can be reloaded.'])
  assert.deepEqual(
    records().map(({ event }) => event),
    ['reload-failed'],
  )
})
