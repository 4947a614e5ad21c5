import { renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '../../../test/harness/config.ts'
import { waitFor } from '../../../test/harness/deadline.ts'
import { ConfigWatch, noteConfigFile } from './config-watch.ts'

async function watched(): Promise<{ file: string; watch: ConfigWatch; changes: () => number }> {
  const file = join(temporaryFolder(), 'tidegate.yaml')
  writeFileSync(file, 'one')
  let changes = 0
  const watch = new ConfigWatch(await noteConfigFile(file), () => changes++, 5)
  return { file, watch, changes: () => changes }
}

test('a file that was written, renamed into place, replaced behind a link or removed is told of once each', async () => {
  const { file, watch, changes } = await watched()
  // Changed before the first look, and after it was read.
  writeFileSync(file, 'two, longer')
  watch.set(true)
  await waitFor('the first change', () => changes() === 1)
  const beside = join(temporaryFolder(), 'beside')
  writeFileSync(beside, 'three')
  renameSync(beside, file)
  await waitFor('the second change', () => changes() === 2)
  writeFileSync(beside, 'behind a link')
  rmSync(file)
  symlinkSync(beside, file)
  await waitFor('the third change', () => changes() === 3)
  rmSync(file)
  await waitFor('the fourth change', () => changes() === 4)
  watch.set(false)
})

test('what somebody else has read is not told of, and a watch that is off says nothing', async () => {
  const { file, watch, changes } = await watched()
  writeFileSync(file, 'two, longer')
  watch.know(await noteConfigFile(file))
  watch.set(true)
  writeFileSync(file, 'three, longer still')
  await waitFor('the change', () => changes() === 1)
  watch.set(false)
  writeFileSync(file, 'four')
  watch.set(true)
  await waitFor('the change that was made while it was off', () => changes() === 2)
  watch.set(false)
})
