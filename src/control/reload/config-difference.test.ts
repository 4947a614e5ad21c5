import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Config } from '../config/config.ts'
import { parseConfig } from '../config/load.ts'
import { configDifference } from './config-difference.ts'
import { differenceInShort, differenceText } from './difference-text.ts'
import { restartChanges } from './live-keys.ts'

function configOf(services: string, rest = ''): Config {
  return parseConfig(`${rest}\nservices:\n${services}`, 'tidegate.yaml', {})
}

const WEB =
  '  - { name: web, listen: ["192.0.2.1:443", "192.0.2.1:0"], upstreams: ["203.0.113.1:443", "203.0.113.2:443"] }\n'

function textOf(before: Config, after: Config): string[] {
  return differenceText(configDifference(before, after)).split('\n')
}

test('the same configuration at other places in the file is no difference', () => {
  const moved = configOf(`\n\n# a comment\n${WEB}`, 'log: { level: info }')
  assert.deepEqual(textOf(configOf(WEB), moved), ['Nothing changes.'])
  assert.equal(differenceInShort(configDifference(configOf(WEB), moved)), 'nothing changed')
})

test('services, listeners and upstreams come, go, move and change, each with its old and new values', () => {
  const before = configOf(
    `${WEB}  - { name: mail, listen: ["*:25"], upstreams: [{ address: "203.0.113.9:25", name: smtp }], acceptProxyFrom: [192.0.2.0/24] }\n`,
  )
  const after = configOf(
    [
      '  - name: web',
      '    listen: ["192.0.2.1:0", "*:25", "192.0.2.1:0"]',
      '    upstreams: ["203.0.113.2:443", "203.0.113.1:443", { address: "203.0.113.3:443", backup: true }]',
      '    idleTimeout: off',
      '    socket: { receiveBuffer: 64KiB }',
      '  - { name: mail, listen: ["192.0.2.1:443"], upstreams: [{ address: "203.0.113.10:25", name: smtp, weight: 3, maxConnections: 7 }] }',
      '  - { name: new, listen: ["192.0.2.1:1"], upstreams: ["203.0.113.9:1"] }',
    ].join('\n'),
  )
  assert.deepEqual(textOf(before, after), [
    '+ service new',
    '~ listener *:25: service mail → web',
    '~ listener 192.0.2.1:443: service web → mail',
    '~ service web',
    '    + listener 192.0.2.1:0',
    '    + upstream 203.0.113.3:443',
    '    ~ idleTimeout: 1h → off',
    '    ~ socket.client.receiveBuffer: (nothing) → 64KiB',
    '    ~ socket.upstream.receiveBuffer: (nothing) → 64KiB',
    '    ~ order of upstreams: 203.0.113.1:443, 203.0.113.2:443 → 203.0.113.2:443, 203.0.113.1:443',
    '~ service mail',
    '    ~ upstream smtp: address: 203.0.113.9:25 → 203.0.113.10:25',
    '    ~ upstream smtp: weight: 1 → 3',
    '    ~ upstream smtp: maxConnections: off → 7',
    '    ~ acceptProxyFrom: [192.0.2.0/24] → []',
  ])
  assert.equal(
    differenceInShort(configDifference(before, after)),
    '1 service added, 2 services changed, 2 listeners moved',
  )
})

test('settings outside of services: some change live, all others need a restart', () => {
  const before = configOf(WEB)
  const after = configOf(
    WEB,
    'admin: { listen: off, watchConfig: true }\ntraffic: { drainTimeout: 5s, maxConnections: 9 }\nlog: { level: warn, format: text }',
  )
  const difference = configDifference(before, after)
  assert.deepEqual(differenceText(difference).split('\n'), [
    '~ admin.listen: 127.0.0.1:9900 → off',
    '~ admin.watchConfig: false → true',
    '~ traffic.maxConnections: auto → 9',
    '~ traffic.drainTimeout: 30s → 5s',
    '~ log.level: info → warn',
    '~ log.format: json → text',
  ])
  assert.deepEqual(
    restartChanges(difference).map(({ key }) => key),
    ['admin.listen', 'traffic.maxConnections'],
  )
})
