import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { readWholeFile, readWholeFileSync, UnusableFile } from './read-whole-file.ts'

const folder = mkdtempSync(join(tmpdir(), 'tidegate-whole-'))
after(() => rmSync(folder, { recursive: true }))
const MIB = 2 ** 20

/** What both say, or the text. */
async function both(path: string): Promise<string[]> {
  const refused = (error: unknown): string => {
    assert.ok(error instanceof UnusableFile)
    return error.message
  }
  const waited = await readWholeFile(path, MIB).then(String, refused)
  try {
    return [waited, readWholeFileSync(path, MIB)]
  } catch (error) {
    return [waited, refused(error)]
  }
}

test('a file within the limit is read', async () => {
  const file = join(folder, 'text')
  writeFileSync(file, 'some text\n')
  assert.deepEqual(await both(file), ['some text\n', 'some text\n'])
})

test('what has no end, or too late a one, is refused at once', async () => {
  const pipe = join(folder, 'pipe')
  execFileSync('mkfifo', [pipe])
  const large = join(folder, 'large')
  writeFileSync(large, Buffer.alloc(MIB + 1))
  for (const [path, says] of [
    [pipe, /is not a file/],
    ['/dev/zero', /is not a file/],
    [folder, /is not a file/],
    [large, /is larger than 1 MiB/],
    [join(folder, 'nowhere'), /there is no such file/],
  ] as const) {
    for (const said of await both(path)) assert.match(said, says)
  }
})
