import assert from 'node:assert/strict'
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '../../../test/harness/config.ts'
import type { ConfigDifference } from '../reload/config-difference.ts'
import type { ReloadOutcome } from '../reload/reload.ts'
import { ConfigChanges, type ConfigChangesOptions, ReadOnlyConfig, textChange } from './config-changes.ts'
import { ChangedMeanwhile, versionOf } from './config-file.ts'

const DIFFERENCE: ConfigDifference = {
  settings: [{ key: 'log.level', before: 'info', after: 'secret' }],
  servicesAdded: [],
  servicesRemoved: [],
  servicesChanged: [],
  listenersMoved: [],
}
const CHECKED: ReloadOutcome = { kind: 'checked', difference: DIFFERENCE, text: '', tablesVersion: 1 }
const DONE: ReloadOutcome = { ...CHECKED, kind: 'done' }
const FAILED: ReloadOutcome = { kind: 'failed', code: 'E_TAKEN', text: 'The port is taken.' }
const AUTHOR = { who: 'ann', why: 'because' }

/** `onRun` is what a reload does and answers. */
function changesOf(onRun: (path: string) => ReloadOutcome, options: Partial<ConfigChangesOptions> = {}) {
  const path = join(temporaryFolder(), 'tidegate.yaml')
  writeFileSync(path, 'old')
  const kept: { who: string; text: string }[] = []
  const known: string[] = []
  const changes = new ConfigChanges({
    path,
    env: { WORD: 'secret' },
    watch: { know: ({ fingerprint }) => known.push(fingerprint) },
    reload: { check: async () => CHECKED, run: async () => onRun(path) },
    history: {
      add: async ({ who, text }) => ({ id: kept.push({ who, text }), isNew: true }),
      list: async () => [],
      find: async () => undefined,
    },
    ...options,
  })
  return { path, changes, kept, known, text: () => readFileSync(path, 'utf8') }
}

const version = versionOf('old')

test('a change is in the file before it is taken over, and in the history with who made it', async () => {
  let atReload = ''
  const { changes, kept, known, text } = changesOf((path) => {
    atReload = readFileSync(path, 'utf8')
    return DONE
  })
  const outcome = await changes.apply(textChange('new ${WORD}', version), AUTHOR)
  assert.deepEqual(
    [outcome.kind, outcome.version, atReload, text()],
    ['done', versionOf(text()), text(), 'new ${WORD}'],
  )
  assert.deepEqual(kept, [
    { who: 'file', text: 'old' },
    { who: 'ann', text: 'new ${WORD}' },
  ])
  assert.equal(known.length, 1)
  // What is behind ${WORD} is not told.
  assert.match(outcome.text, /log\.level: info → \$\{WORD\}/)
  assert.ok(!JSON.stringify(outcome).includes('secret'))
})

test('what does not come into force is taken out of the file again', async () => {
  const { changes, kept, text, known } = changesOf(() => FAILED)
  const outcome = await changes.apply(textChange('new', version), AUTHOR)
  assert.deepEqual([outcome.kind, outcome.version, text(), kept], ['failed', version, 'old', []])
  assert.equal(known.length, 2)
})

test('unless somebody has changed the file meanwhile: theirs stays, and the answer says so', async () => {
  const { changes, text } = changesOf((path) => {
    writeFileSync(path, 'theirs')
    return FAILED
  })
  const outcome = await changes.apply(textChange('new', version), AUTHOR)
  assert.match(outcome.notPutBack ?? '', /has version/)
  assert.equal(text(), 'theirs')
})

test('a store that is off keeps nothing from being changed', async () => {
  const off = (): Promise<never> => Promise.reject(new Error('The store is off.'))
  const { changes, text } = changesOf(() => DONE, { history: { add: off, list: off, find: off } })
  const outcome = await changes.apply(textChange('new', version), AUTHOR)
  assert.deepEqual([outcome.history, text()], [{ problem: 'The store is off.' }, 'new'])
  await changes.note('SIGHUP')
})

test('of two changes of one version the second is refused, with the text of the first', async () => {
  const { changes, text } = changesOf(() => DONE)
  const first = changes.apply(textChange('first', version), AUTHOR)
  const second = changes.apply(textChange('second', version), AUTHOR)
  assert.equal((await first).kind, 'done')
  await assert.rejects(second, (error: ChangedMeanwhile) => {
    assert.ok(error instanceof ChangedMeanwhile)
    assert.equal(error.current.text, 'first')
    return true
  })
  assert.equal(text(), 'first')
})

test('a file that changes while it is checked is not overwritten', async () => {
  const { changes, path, text } = changesOf(() => DONE, {
    reload: {
      check: async () => {
        writeFileSync(path, 'theirs')
        return CHECKED
      },
      run: async () => DONE,
    },
  })
  await assert.rejects(changes.apply(textChange('new', version), AUTHOR), ChangedMeanwhile)
  assert.equal(text(), 'theirs')
})

test('what is read-only is read, checked and not changed; a byte order mark stays', async () => {
  const { changes, path, text } = changesOf(() => DONE)
  chmodSync(path, 0o444)
  assert.match((await changes.read()).readOnly ?? '', /read-only/)
  assert.equal((await changes.dryRun(textChange('new', version))).kind, 'checked')
  await assert.rejects(changes.apply(textChange('new', version), AUTHOR), ReadOnlyConfig)
  chmodSync(path, 0o644)
  writeFileSync(path, '\ufeffold')
  await changes.apply(textChange('new', version), AUTHOR)
  assert.equal(text(), '\ufeffnew')
})
