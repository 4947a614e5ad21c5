/** `tidegate doctor` on the machine that runs the tests: it looks, says, and changes nothing. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { answerOf, TIDEGATE } from './harness/started-program.ts'

interface Report {
  readonly level: string
  readonly findings: readonly { readonly id: string; readonly level: string; readonly sentence: string }[]
}

describe('tidegate doctor', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tidegate-doctor-'))
  after(() => rmSync(folder, { recursive: true }))
  const config = join(folder, 'tidegate.yaml')
  writeFileSync(
    config,
    'traffic: { engine: linux }\nservices: [{ name: a, listen: ["127.0.0.1:443"], mode: raw, upstreams: ["192.0.2.1:443"] }]\n',
  )

  test('writes one line a finding, and their count', async () => {
    const { stdout, stderr } = await answerOf(TIDEGATE, ['doctor'], { env: { ...process.env, NO_COLOR: '1' } })
    assert.equal(stderr, '')
    assert.match(stdout, /^ok {4}Node\.js \d+\.\d+\.\d+/)
    assert.match(stdout, /\n\d+ ok(?:, \d+ warn)?(?:, \d+ fail)?\.\n$/)
  })

  test('its exit code is 1 exactly when a finding is fail', async () => {
    for (const args of [[], ['-c', config]]) {
      const { code, stdout } = await answerOf(TIDEGATE, ['doctor', '--json', ...args])
      const { level, findings } = JSON.parse(stdout) as Report
      assert.equal(code, level === 'fail' ? 1 : 0)
      assert.equal(
        level === 'fail',
        findings.some((finding) => finding.level === 'fail'),
      )
    }
  })

  test('a wrong configuration is exit code 2, with its place', async () => {
    const bad = join(folder, 'bad.yaml')
    writeFileSync(bad, 'services: 7\n')
    const { code, stderr } = await answerOf(TIDEGATE, ['doctor', '-c', bad])
    assert.equal(code, 2)
    assert.match(stderr, /bad\.yaml:1:/)
  })

  const canDrop = spawnSync('setpriv', ['--version']).status === 0 && process.getuid?.() === 0
  test(
    'a user without rights hears that port 443 is out of reach',
    { skip: canDrop ? false : 'needs root and setpriv' },
    async () => {
      const drop = ['--bounding-set=-net_bind_service', '--inh-caps=-net_bind_service', '--', TIDEGATE]
      const { code, stdout } = await answerOf('setpriv', [...drop, 'doctor', '--json', '-c', config])
      const low = (JSON.parse(stdout) as Report).findings.find(({ id }) => id === 'low-ports')
      assert.equal(low?.level, 'fail')
      assert.equal(code, 1)
    },
  )
})
