import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { AdminForTest } from '../../test/harness/admin-for-test.ts'
import { readDashboard } from './dashboard-files.ts'

const folder = mkdtempSync(join(tmpdir(), 'tidegate-dashboard-'))
mkdirSync(join(folder, 'assets'))
writeFileSync(join(folder, 'index.html'), '<p>'.repeat(1000))
writeFileSync(join(folder, 'assets', 'main-AbC_1-23.js'), 'x')
writeFileSync(join(folder, '.stamp'), 'secret')
after(() => rmSync(folder, { recursive: true }))

test('the files of the first folder that has a page, with what they are', async () => {
  const files = await readDashboard(['/nowhere', folder])
  assert.deepEqual([...files.keys()].sort(), ['assets/main-AbC_1-23.js', 'index.html'])
  const page = files.get('index.html')!
  assert.deepEqual([page.contentType, page.isForever], ['text/html; charset=utf-8', false])
  assert.deepEqual(gunzipSync(page.gzip!), page.bytes)
  const script = files.get('assets/main-AbC_1-23.js')!
  assert.deepEqual([script.isForever, script.gzip], [true, undefined])
  assert.equal((await readDashboard(['/nowhere'])).size, 0)
})

describe('the dashboard over HTTP', () => {
  test('is for everybody, runs nothing from elsewhere, and no path leads out of it', async () => {
    const admin = await AdminForTest.start()
    const { status, headers } = await admin.get('/', { token: 'none' })
    assert.ok(status === 200 || status === 404, 'it may not be built')
    assert.match(String(headers['content-security-policy']), /^default-src 'none'; script-src 'self'; /)
    assert.equal(headers['x-frame-options'], 'DENY')
    for (const path of ['..%2f..%2fpackage.json', '%2e%2e/%2e%2e/package.json', '.stamp', '__proto__', 'a%00b']) {
      assert.equal((await admin.get(`/assets/${path}`, { token: 'none' })).status, 404, path)
    }
    await admin.close()
  })
})
