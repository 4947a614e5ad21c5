import assert from 'node:assert/strict'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { parseNetwork } from '../../lib/ip.ts'
import { parseConfig } from './load.ts'
import type { ServiceConfig } from './config.ts'

function serviceWith(keys: string): ServiceConfig {
  const text = `services: [{ name: a, mode: raw, listen: ["*:443"], upstreams: [203.0.113.1:443]${keys} }]`
  return parseConfig(text, 't.yaml', {}).services[0]
}

test('a minimal file gets every default', () => {
  const place = (column: number, key: string) => ({ file: 'tidegate.yaml', line: 2, column, key })
  const sides = { keepAliveMs: 60_000, userTimeoutMs: 30_000 }
  const loopbackV6 = Uint8Array.from({ length: 16 }, (_, i) => (i === 15 ? 1 : 0))
  const allowAt = { file: 'tidegate.yaml', line: 1, column: 1, key: 'protect' }
  const text = `services:\n  - { name: web, mode: raw, listen: ['*:8443'], upstreams: ['192.0.2.10:443'] }\n`
  assert.deepEqual(parseConfig(text, 'tidegate.yaml', {}), {
    admin: {
      listen: { family: 4, address: '127.0.0.1', port: 9900 },
      hosts: [],
      stateDir: resolve('.tidegate'),
      watchConfig: false,
      tls: undefined,
      plainHttp: false,
    },
    traffic: {
      workers: 'auto',
      engine: 'auto',
      ioUring: 'auto',
      maxConnections: 'auto',
      drainTimeoutMs: 30_000,
      upgradeDrainTimeoutMs: 0,
    },
    log: { level: 'info', format: 'json', connections: 'all' },
    protect: {
      firewall: {
        mode: 'auto',
        table: 'tidegate',
        keep: false,
        loopback: false,
        entriesMax: 65_536,
        synsPerSecond: 0,
        dropInvalid: false,
        synproxy: false,
      },
      allow: [
        { family: 4, bytes: Uint8Array.of(127, 0, 0, 0), prefixLength: 8, at: allowAt },
        { family: 6, bytes: loopbackV6, prefixLength: 128, at: allowAt },
      ],
      deny: [],
      lists: [],
      countryDatabase: undefined,
      asnDatabase: undefined,
      memoryBytes: 64 * 2 ** 20,
      overload: { rule: 'on', reservePercent: 5, idleAtLeastMs: 10_000, firstByteAtLeastMs: 5000 },
      knownClients: { max: 100_000 },
      bans: {
        rule: 'on',
        strikes: 20,
        withinMs: 600_000,
        ttlMs: 600_000,
        ttlMaxMs: 604_800_000,
        max: 100_000,
        spare: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '169.254.0.0/16', 'fc00::/7', 'fe80::/10'].map(
          (text) => parseNetwork(text),
        ),
        prefix: { rule: 'watch', after: 5, withinMs: 60_000 },
      },
    },
    notify: { webhooks: [], slack: [], emails: [], rules: [] },
    services: [
      {
        name: 'web',
        listen: [
          {
            text: '*:8443',
            address: { family: 6, address: '::', port: 8443 },
            dualStack: true,
            at: place(38, 'services[0].listen[0]'),
          },
        ],
        enabled: true,
        mode: 'raw',
        upstreams: [
          {
            name: '192.0.2.10:443',
            text: '192.0.2.10:443',
            host: '192.0.2.10',
            port: 443,
            hostIsIp: true,
            weight: 1,
            backup: false,
            maxConnections: 0,
            checkUrl: undefined,
            at: place(61, 'services[0].upstreams[0]'),
          },
        ],
        balance: 'ordered',
        slowStartMs: 0,
        affinity: null,
        maxConnections: 0,
        whenAllDown: 'try-all',
        onDown: 'keep',
        queue: { max: 0, timeoutMs: 5_000, perClient: 10 },
        outlier: { failures: 5, ejectForMs: 30_000, ejectForMsMax: 300_000, ejectedPercentMax: 50 },
        onFailure: 'reset',
        connectTimeoutMs: 5_000,
        hedgeAfterMs: 0,
        idleTimeoutMs: 3_600_000,
        halfClosedTimeoutMs: 60_000,
        maxLifetimeMs: 0,
        retryFailedAfterMs: 10_000,
        sourceAddresses: [],
        proxyHeader: { crc32c: true, uniqueId: true, tlsHello: true },
        acceptProxyFrom: [],
        clientSocket: sides,
        upstreamSocket: sides,
        protect: {
          refuse: 'reset',
          makeWay: { rule: 'on', afterMs: 1000, greeted: 'stay' },
          dialOn: 'connect',
          firstByteTimeoutMs: 300_000,
          slowSend: { rule: 'off', bytes: 1024, withinMs: 30_000 },
          slowRead: { rule: 'on', bytes: 4096, withinMs: 600_000 },
          tinySegments: { rule: 'off', perSecondMax: 500, smallerThanBytes: 64, withinMs: 10_000 },
          tarpitForMs: 10_000,
          perAddress: { rule: 'on', connections: 1000, rate: { count: 100, perMs: 1000 }, burst: 1000 },
          perPrefix: { rule: 'watch', connections: 8000, rate: { count: 800, perMs: 1000 }, burst: 8000 },
          perAsn: { rule: 'off', connections: 0, rate: null, burst: 5 },
          newConnections: { rule: 'off', rate: null, burst: 5 },
          countries: { rule: 'off', allow: undefined, deny: undefined, unknown: 'admit' },
          asns: { rule: 'off', allow: undefined, deny: undefined, unknown: 'admit' },
          attack: {
            mode: 'auto',
            startAfterMs: 5000,
            endAfterMs: 60_000,
            learnForMs: 300_000,
            factor: 4,
            floors: { newPerSecond: 100, sources: 500, unusedShare: 0.5 },
            perAddress: { rule: 'on', connections: 250, rate: { count: 100, perMs: 4000 }, burst: 50 },
            perPrefix: { rule: 'on', connections: 2000, rate: { count: 800, perMs: 4000 }, burst: 400 },
            newConnections: { rule: 'off', rate: null, burst: 5 },
          },
        },
        check: undefined,
        at: place(5, 'services[0]'),
      },
    ],
  })
})

test('who remembers no failure of an address takes no upstream out either, unless told to', () => {
  const failuresOf = (keys: string): number => serviceWith(keys).outlier.failures
  assert.equal(failuresOf(''), 5)
  assert.equal(failuresOf(', outlier: { failures: off }'), 0)
  assert.equal(failuresOf(', retryFailedAfter: 0s'), 0)
  assert.equal(failuresOf(', retryFailedAfter: 0s, outlier: { ejectFor: 1m }'), 0)
  assert.equal(failuresOf(', retryFailedAfter: 0s, outlier: { failures: 5 }'), 5)
})

test('`off` and `0s` are 0', () => {
  const service = serviceWith(
    ', idleTimeout: off, maxLifetime: off, retryFailedAfter: 0s, socket: { keepAlive: off, userTimeout: off }',
  )
  assert.deepEqual([service.idleTimeoutMs, service.maxLifetimeMs, service.retryFailedAfterMs], [0, 0, 0])
  assert.deepEqual(service.clientSocket, { keepAliveMs: 0, userTimeoutMs: 0 })
})

test('affinity is none, or a mapping that may leave everything to the defaults', () => {
  assert.equal(serviceWith(', affinity: none').affinity, null)
  assert.deepEqual(serviceWith(', affinity: {}').affinity, { ttlMs: 600_000, clientsMax: 100_000 })
  const own = serviceWith(', affinity: { by: client-ip, ttl: 8h, max: 5 }').affinity
  assert.deepEqual(own, { ttlMs: 28_800_000, clientsMax: 5 })
})

test('admin.listen may be off, one address, or any free port', () => {
  const adminOf = (listen: string) =>
    parseConfig(
      `admin: { listen: "${listen}" }\nservices: [{ name: a, mode: raw, listen: ["*:1"], upstreams: [203.0.113.1:1] }]`,
      't',
      {},
    ).admin.listen
  assert.equal(adminOf('off'), 'off')
  assert.deepEqual(adminOf('127.0.0.1:0'), { family: 4, address: '127.0.0.1', port: 0 })
  assert.deepEqual(adminOf('[::1]:9900'), { family: 6, address: '::1', port: 9900 })
})

test('socket options of one side go before those of both, `auto` too', () => {
  const service = serviceWith(
    `, socket: { receiveBuffer: 64KiB, sendBuffer: 1MiB, windowClamp: 32KiB, maxSegment: 1400, notSentLowWater: 16KiB,
       congestionControl: bbr, client: { receiveBuffer: 8KiB, sendBuffer: auto, userTimeout: 10s },
       upstream: { congestionControl: auto, keepAlive: off } }`,
  )
  assert.deepEqual(service.clientSocket, {
    receiveBufferBytes: 8_192,
    windowClampBytes: 32_768,
    maxSegmentBytes: 1_400,
    notSentLowWaterBytes: 16_384,
    congestionControl: 'bbr',
    keepAliveMs: 60_000,
    userTimeoutMs: 10_000,
  })
  assert.deepEqual(service.upstreamSocket, {
    receiveBufferBytes: 65_536,
    sendBufferBytes: 1_048_576,
    windowClampBytes: 32_768,
    maxSegmentBytes: 1_400,
    notSentLowWaterBytes: 16_384,
    keepAliveMs: 0,
    userTimeoutMs: 30_000,
  })
})

const UPSTREAMS: readonly (readonly [text: string, host: string, port: number, hostIsIp: boolean])[] = [
  ['203.0.113.1:1', '203.0.113.1', 1, true],
  ['[2001:DB8:0::1]:65535', '2001:db8::1', 65_535, true],
  ['[::ffff:203.0.113.1]:443', '203.0.113.1', 443, true],
  ['DB.Example:5432', 'db.example', 5432, false],
  ['db.example.:5432', 'db.example.', 5432, false],
  ['mysql_1:3306', 'mysql_1', 3306, false],
  ['localhost:80', 'localhost', 80, false],
  ['xn--bcher-kva.example:80', 'xn--bcher-kva.example', 80, false],
  ['1and1.example:80', '1and1.example', 80, false],
]

for (const [text, host, port, hostIsIp] of UPSTREAMS) {
  test(`the upstream ${text} is ${host}, port ${port}`, () => {
    const yaml = `services: [{ name: a, mode: raw, listen: ["*:443"], upstreams: [{ address: "${text}", name: x }] }]`
    const [upstream] = parseConfig(yaml, 't', {}).services[0].upstreams
    assert.deepEqual(
      [upstream.name, upstream.text, upstream.host, upstream.port, upstream.hostIsIp],
      ['x', text, host, port, hostIsIp],
    )
  })
}

test('outlier takes shares and `off`', () => {
  const { outlier } = serviceWith(', outlier: { failures: off, ejectFor: 1m, ejectForMax: 1m, maxEjected: 100% }')
  assert.deepEqual(outlier, { failures: 0, ejectForMs: 60_000, ejectForMsMax: 60_000, ejectedPercentMax: 100 })
})

test('networks and source addresses come out as bytes and canonical text', () => {
  const service = serviceWith(
    ', acceptProxyFrom: [192.0.2.0/24, "2001:db8::/32", 198.51.100.7], sourceAddresses: [192.0.2.9, "2001:DB8::9"]',
  )
  assert.deepEqual(
    service.acceptProxyFrom.map(({ family, prefixLength, bytes }) => [
      family,
      prefixLength,
      Array.from(bytes.slice(0, 4)),
    ]),
    [
      [4, 24, [192, 0, 2, 0]],
      [6, 32, [0x20, 0x01, 0x0d, 0xb8]],
      [4, 32, [198, 51, 100, 7]],
    ],
  )
  assert.deepEqual(service.sourceAddresses, [
    { family: 4, address: '192.0.2.9', port: 0 },
    { family: 6, address: '2001:db8::9', port: 0 },
  ])
})

test('a name that looks like a number is the name that was written', () => {
  const yaml = 'services: [{ name: 007, mode: raw, listen: ["*:443"], upstreams: [203.0.113.1:443] }]'
  assert.equal(parseConfig(yaml, 't', {}).services[0].name, '007')
})

test('stateDir goes from the folder of the file, wherever the program is started', () => {
  const stateDirOf = (stateDir: string): string =>
    parseConfig(
      `admin: { stateDir: ${stateDir} }\nservices: [{ name: a, listen: ["*:443"], upstreams: [203.0.113.1:443] }]`,
      '/etc/tidegate/tidegate.yaml',
      {},
    ).admin.stateDir
  assert.equal(stateDirOf('./.tidegate'), '/etc/tidegate/.tidegate')
  assert.equal(stateDirOf('../state'), '/etc/state')
  assert.equal(stateDirOf('/var/lib/tidegate'), '/var/lib/tidegate')
})

test('`check: {}` gets every default of a check', () => {
  assert.deepEqual(serviceWith(', check: {}').check, {
    type: 'http',
    url: { text: '/', isHttps: false, target: { kind: 'upstream', port: undefined }, path: '/' },
    method: 'GET',
    headers: {},
    body: undefined,
    timeoutMs: 5_000,
    expectStatus: [{ first: 100, last: 499 }],
    expectBody: undefined,
    tls: { verify: true, caFile: undefined, ca: undefined, serverName: undefined },
    sendProxy: 'off',
    attempts: { successes: 1, failures: 1, delayMs: 0 },
    intervalMs: 15_000,
    jitterPart: 0.1,
  })
})
