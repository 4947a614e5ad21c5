/** The commands as a shell sees them: a service on loopback, a toy name server, a report from elsewhere. */
import assert from 'node:assert/strict'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { ChecklistItem, DnsProbe, UpstreamProbe } from '../../src/control/golive/golive.ts'
import { temporaryFolder } from '../harness/config.ts'
import { runTidegate } from '../harness/daemon.ts'
import { NameServer } from '../harness/name-server.ts'
import { enterOwnNetwork } from '../harness/own-network.ts'
import { closedAddress, greetThenEcho, Upstream } from '../harness/upstream.ts'

enterOwnNetwork()

describe('golive, probe and firewall on the command line', () => {
  const folder = temporaryFolder()
  const config = join(folder, 'tidegate.yaml')
  let upstream: Upstream
  let dns: NameServer

  before(async () => {
    upstream = await Upstream.listen({ onConnection: greetThenEcho('220 hello\r\n') })
    dns = await NameServer.start({
      'www.shop.example': { A: ['192.0.2.1'], ttl: 60 },
      'mail.shop.example': { A: ['203.0.113.10'] },
    })
    writeFileSync(
      config,
      `services:
  - { name: web, listen: ["192.0.2.1:443"], mode: raw, upstreams: ["${upstream.address.text}"] }
  - { name: far, listen: ["192.0.2.1:444"], mode: raw, upstreams: ["203.0.113.10:443"] }
`,
    )
  })
  after(() => {
    upstream.close()
    dns.close()
  })

  test('probe upstream', async () => {
    const { code, output } = await runTidegate(['probe', 'upstream', upstream.address.text])
    assert.equal(code, 0)
    assert.match(output, /It works without a PROXY header, and wants none: mode raw\.\n {2}It speaks first\./)
    assert.match(output, /none +nothing +"220 hello\.\."/)
    const json = await runTidegate(['probe', 'upstream', upstream.address.text, '--json'])
    assert.equal((JSON.parse(json.output) as UpstreamProbe).mode, 'raw')
    const closed = await runTidegate(['probe', 'upstream', (await closedAddress()).text])
    assert.equal(closed.code, 1)
    assert.match(closed.output, /refused/)
    for (const args of [['127.0.0.1'], ['127.0.0.1:80', '--wait', '-1'], []])
      assert.equal((await runTidegate(['probe', 'upstream', ...args])).code, 2, args.join(' '))
  })

  test('probe dns', async () => {
    const args = ['probe', 'dns', 'www.shop.example', '-c', config, '--server', dns.address]
    const good = await runTidegate([...args, '--service', 'web'])
    assert.equal(good.code, 0, good.output)
    assert.match(good.output, /leads to the service and nowhere else/)
    const bad = await runTidegate([...args, '--service', 'far'])
    assert.equal(bad.code, 1)
    assert.match(bad.output, /shown +A of mail\.shop\.example: 203\.0\.113\.10/)
    const json = await runTidegate([...args, '--address', '192.0.2.2', '--json'])
    assert.equal(json.code, 1)
    assert.equal((JSON.parse(json.output) as DnsProbe).pointsTo, 'elsewhere')
    for (const more of [[], ['--service', 'wbe'], ['--address', 'x'], ['--address', '192.0.2.1', '--server', 'x']]) {
      const wrong = ['probe', 'dns', 'www.shop.example', '-c', config, ...more]
      assert.equal((await runTidegate(wrong)).code, 2, more.join(' '))
    }
  })

  test('golive', async () => {
    const args = ['golive', 'web', '-c', config, '--domain', 'www.shop.example', '--server', dns.address]
    const { code, output } = await runTidegate([...args, '--old', 'none'])
    assert.match(output, /ok +Upstream ready\n/)
    assert.match(output, /ok +DNS leads to the service\n/)
    assert.match(output, /ok +Firewall on the upstream's machine\n +All upstreams have private addresses/)
    assert.equal(code, 0)
    const report = join(folder, 'seen.json')
    const ports = [80, 443, upstream.address.port].map((port) => ({
      address: '127.0.0.1',
      port,
      verdict: 'filtered',
      ms: 1,
    }))
    const seen = {
      version: 1,
      host: '127.0.0.1',
      at: new Date().toISOString(),
      tookMs: 1,
      from: ['198.51.100.1'],
      ports,
    }
    writeFileSync(report, JSON.stringify(seen))
    const all = await runTidegate([...args, '--exposure', report, '--json'])
    const { state, items } = JSON.parse(all.output) as { state: string; items: readonly ChecklistItem[] }
    assert.equal(state, 'ok', JSON.stringify(items, null, 1))
    assert.equal(all.code, 0)
    writeFileSync(report, '{"ports": "many"}')
    for (const wrong of [
      ['golive', 'wbe', '-c', config],
      [...args, '--exposure', report],
      [...args, '--exposure', join(folder, 'none')],
      [...args, '--old', 'x'],
      ['golive', 'web', '-c', join(folder, 'none')],
    ]) {
      assert.equal((await runTidegate(wrong)).code, 2, wrong.join(' '))
    }
  })

  test('firewall', async () => {
    const file = join(folder, 'firewall.sh')
    const args = ['firewall', '--format', 'nftables', '-c', config, '--service', 'far', '--node', '192.0.2.1']
    const written = await runTidegate([...args, '-o', file])
    assert.equal(written.code, 0, written.output)
    assert.match(readFileSync(file, 'utf8'), /^#!\/bin\/sh\n.*\n#\n# {3}TCP 443: only from\n# {5}192\.0\.2\.1\/32\n/)
    assert.equal(statSync(file).mode & 0o777, 0o700)
    const json = await runTidegate([
      'firewall',
      '--format',
      'windows',
      '--port',
      '443',
      '--node',
      '192.0.2.1',
      '--json',
    ])
    const answer = JSON.parse(json.output) as { script: string; fileName: string; warnings: readonly string[] }
    assert.equal(answer.fileName, 'tidegate-firewall.ps1')
    assert.equal(answer.warnings.length, 2)
    for (const wrong of [
      ['firewall'],
      ['firewall', '--format', 'pf', '--port', '1', '--node', '192.0.2.1'],
      ['firewall', '--format', 'ufw', '--port', '1;reboot', '--node', '192.0.2.1'],
      ['firewall', '--format', 'ufw', '--port', '1', '--node', '$(reboot)'],
      ['firewall', '--format', 'ufw', '--port', '1', '--node', '192.0.2.1', '--rollback-after', 'never'],
      ['firewall', '--format', 'ufw', '-c', join(folder, 'none')],
    ]) {
      assert.equal((await runTidegate(wrong)).code, 2, wrong.join(' '))
    }
    const unwritable = await runTidegate([...args, '-o', join(folder, 'none', 'firewall.sh')])
    assert.equal(unwritable.code, 1)
  })
})
