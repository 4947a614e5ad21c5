import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Config } from '../config/config.ts'
import { editorJsonSchema } from '../config/json-schema.ts'
import { parseConfig } from '../config/load.ts'
import { configDifference } from './config-difference.ts'
import { textsOf } from './config-texts.ts'
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

/** Something in every part of the file that has defaults of its own. */
const WHOLE = configOf(
  [
    '  - name: web',
    '    listen: ["*:443"]',
    '    upstreams: ["203.0.113.1:443", { address: "203.0.113.2:443", check: { url: "https://status.example.com/two" } }]',
    '    affinity: {}',
    '    check: { headers: { Host: a.example.com }, body: hello, expectBody: /hello/i }',
    '    socket: { receiveBuffer: 64KiB }',
    '    protect:',
    '      perAsn: { connections: 3 }',
    '      newConnections: { rule: on, rate: 5/s }',
    '      countries: { deny: [DE] }',
    '      asns: { allow: [64496] }',
  ].join('\n'),
  'protect: { countryDatabase: country.mmdb, asnDatabase: asn.mmdb, lists: [{ file: drop.txt, action: deny }] }',
)

interface SchemaPart {
  readonly properties?: Readonly<Record<string, SchemaPart>>
  readonly items?: SchemaPart
  readonly anyOf?: readonly SchemaPart[]
}

function hasKey(schema: SchemaPart, [first, ...rest]: readonly string[]): boolean {
  if (first === undefined) return true
  return [schema, ...(schema.anyOf ?? [])].some(({ properties }) => {
    const inner = properties?.[first]
    return inner !== undefined && hasKey(inner, rest)
  })
}

test('every key that a difference can name is a key of the file', () => {
  const schema = editorJsonSchema() as SchemaPart
  const services = schema.properties!['services'].items!
  const ofUpstreams = services.properties!['upstreams'].items!
  const [service] = WHOLE.services
  const parts = [
    { schema, texts: textsOf(WHOLE, ['services']) },
    { schema: services, texts: textsOf(service, ['listen', 'upstreams']) },
    // The address is told as it is written.
    { schema: ofUpstreams, texts: textsOf(service.upstreams[1], ['text', 'host', 'port', 'hostIsIp']) },
  ]
  const unknown = parts.flatMap((part) => [...part.texts.keys()].filter((key) => !hasKey(part.schema, key.split('.'))))
  assert.deepEqual(unknown, [])
})

test('values are shown as they are written, a part of a rate too', () => {
  const changed = configOf(
    [
      '  - name: web',
      '    listen: ["*:443"]',
      '    upstreams: ["203.0.113.1:443", "203.0.113.2:443"]',
      '    outlier: { failures: off, ejectForMax: 1h, maxEjected: 30% }',
      '    slowStart: 5s',
      '    protect:',
      '      perAddress: { rate: off }',
      '      slowSend: { bytes: 2KiB }',
      '      tinySegments: { perSecond: 9 }',
      '      attack: { learnFor: 0s, floors: { newConnections: 50/s, unused: 60 }, perAddress: { rate: 10/s } }',
    ].join('\n'),
    'protect: { firewall: { maxEntries: 9, synRate: 200/s }, asnDatabase: asn.mmdb }',
  )
  const before = configOf('  - { name: web, listen: ["*:443"], upstreams: ["203.0.113.1:443", "203.0.113.2:443"] }')
  assert.deepEqual(textOf(before, changed), [
    '~ protect.firewall.maxEntries: 65536 → 9',
    '~ protect.firewall.synRate: off → 200/s',
    `~ protect.asnDatabase: (nothing) → ${process.cwd()}/asn.mmdb`,
    '~ service web',
    '    ~ slowStart: 0s → 5s',
    '    ~ outlier.failures: 5 → off',
    '    ~ outlier.ejectForMax: 5m → 1h',
    '    ~ outlier.maxEjected: 50% → 30%',
    '    ~ protect.perAddress.rate: 100/s → off',
    '    ~ protect.perAddress.burst: 1000 → 5',
    '    ~ protect.attack.learnFor: 5m → 0s',
    '    ~ protect.attack.floors.newConnections: 100/s → 50/s',
    '    ~ protect.attack.floors.unused: 50 → 60',
    '    ~ protect.attack.perAddress.rate: 25/s → 10/s',
    '    ~ protect.attack.perAddress.burst: 50 → 20',
    '    ~ protect.slowSend.bytes: 1KiB → 2KiB',
    '    ~ protect.tinySegments.perSecond: 500 → 9',
  ])
  const without = configOf(WEB, 'protect: { countryDatabase: country.mmdb }')
  assert.deepEqual(restartChanges(configDifference(configOf(WEB), without)), [])
})

test('headers, body and query of a check are in no difference, and that they change is', () => {
  const checked = (check: string) =>
    configOf(`  - { name: web, listen: ["*:443"], upstreams: ["203.0.113.1:443"], check: ${check} }`)
  const before = checked('{ url: "/healthz?key=first", headers: { Authorization: first }, body: first }')
  const after = checked('{ url: "/healthz?key=second", headers: { Authorization: second }, body: second }')
  const said = textOf(before, after).join('\n')
  assert.doesNotMatch(said, /first|second/)
  const hidden = String.raw`\(hidden, [0-9a-f]{8}\)`
  assert.match(said, new RegExp(String.raw`check\.url: /healthz\?${hidden} → /healthz\?${hidden}`))
  assert.match(said, new RegExp(`check\\.headers: ${hidden} → ${hidden}`))
  assert.match(said, new RegExp(`check\\.body: ${hidden} → ${hidden}`))
  assert.deepEqual(textOf(before, before), ['Nothing changes.'])
})

test('notifications change live; where they go to, and with what secret, is in no difference', () => {
  const told = (secret: string, before = '') =>
    configOf(
      WEB,
      `${before}notify: { webhooks: [{ name: ops, url: "https://hooks.example.com/${secret}", secret: ${secret} }], slack: [{ name: chat, url: "https://chat.example.com/${secret}" }], emails: [{ name: mail, server: "mail.example.com:587", user: a, password: ${secret}, from: a@example.com, to: [b@example.com] }], rules: [{ when: attack }] }`,
    )
  const difference = configDifference(told('first-of-two-secrets'), told('second-of-two-secrets'))
  assert.deepEqual(
    difference.settings.map(({ key }) => key),
    ['notify.webhooks', 'notify.slack', 'notify.emails'],
  )
  assert.doesNotMatch(JSON.stringify(difference), /of-two-secrets/)
  assert.deepEqual(restartChanges(difference), [])
  assert.deepEqual(textOf(told('first-of-two-secrets'), told('first-of-two-secrets', '\n')), ['Nothing changes.'])
  assert.deepEqual(
    restartChanges(configDifference(configOf(WEB), told('first-of-two-secrets'))).map(({ key }) => key),
    [],
  )
})
