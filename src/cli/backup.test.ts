/** Whoever answers, `backup` takes away nothing but the copy that it asked for. */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, test, type TestContext } from 'node:test'
import { runTidegate } from '../../test/harness/daemon.ts'

describe('tidegate backup', { timeout: 60_000 }, () => {
  /** `answer` is given the name that was asked for, and says where the copy is. */
  async function backupFrom(t: TestContext, answer: (name: string, folder: string) => string) {
    const folder = mkdtempSync(join(tmpdir(), 'tidegate-backup-'))
    const server = createServer((request, response) => {
      void text(request).then((body) => {
        const { name } = JSON.parse(body) as { name: string }
        response.end(JSON.stringify({ path: answer(name, folder), bytes: 4 }))
      })
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.after(() => {
      server.close()
      server.closeAllConnections()
      rmSync(folder, { recursive: true })
    })
    const target = join(folder, 'target.db')
    const { port } = server.address() as AddressInfo
    const { code, output } = await runTidegate(['backup', target, '--admin', `127.0.0.1:${port}`])
    return { code, output, folder, target }
  }

  test('moves the copy to where it is wanted', async (t) => {
    let made = ''
    const { code, output, target } = await backupFrom(t, (name, folder) => {
      made = join(folder, name)
      writeFileSync(made, 'copy')
      return made
    })
    assert.equal(code, 0, output)
    assert.deepEqual([readFileSync(target, 'utf8'), existsSync(made)], ['copy', false])
  })

  test('leaves another file alone, and what leads to one', async (t) => {
    for (const lead of [
      (_: string, folder: string) => join(folder, 'other'),
      (name: string, folder: string) => {
        symlinkSync(join(folder, 'other'), join(folder, name))
        return join(folder, name)
      },
    ]) {
      const { code, output, folder, target } = await backupFrom(t, (name, folder) => {
        writeFileSync(join(folder, 'other'), 'secret of root')
        return lead(name, folder)
      })
      assert.deepEqual([code, /is not the copy that was asked for/.test(output)], [1, true], output)
      assert.deepEqual([readFileSync(join(folder, 'other'), 'utf8'), existsSync(target)], ['secret of root', false])
    }
  })
})
