import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  containerName,
  countPortList,
  fullestDestination,
  numberSetting,
  numbersSetting,
  parseNetstat,
  parseRights,
  parseSockstat,
} from './proc-facts.ts'

describe('settings', () => {
  const files: Record<string, string> = {
    '/proc/sys/net/core/somaxconn': '4096\n',
    '/proc/sys/net/ipv4/tcp_rmem': '4096\t131072\t33554432\n',
    '/proc/sys/net/ipv4/tcp_congestion_control': 'bbr\n',
    '/proc/sys/net/ipv4/empty': '\n',
  }
  const read = (path: string) => files[path]

  test('a setting is read as its number or numbers', () => {
    assert.equal(numberSetting(read, 'net.core.somaxconn'), 4096)
    assert.deepEqual(numbersSetting(read, 'net.ipv4.tcp_rmem'), [4096, 131072, 33554432])
  })
  test('a setting that is absent, empty or a word is undefined', () => {
    for (const name of ['net.core.absent', 'net.ipv4.empty', 'net.ipv4.tcp_congestion_control']) {
      assert.equal(numberSetting(read, name), undefined)
    }
  })
  test('reserved ports are counted over single ports and ranges', () => {
    assert.equal(countPortList('\n'), 0)
    assert.equal(countPortList('22,8080-8090,50000\n'), 13)
  })
})

test('sockstat gives sockets in use, in TIME_WAIT, and pages of buffers', () => {
  const text = 'sockets: used 15\nTCP: inuse 1 orphan 0 tw 42298 alloc 1 mem 7\nUDP: inuse 9 mem 9\n'
  assert.deepEqual(parseSockstat(text), { inUse: 1, timeWait: 42298, memoryPages: 7 })
  assert.equal(parseSockstat(''), undefined)
})

test('netstat counters are found by name, under their own protocol', () => {
  const text =
    'TcpExt: SyncookiesSent ListenOverflows ListenDrops\nTcpExt: 5 12 14\nIpExt: InNoRoutes ListenOverflows\nIpExt: 1 2\n'
  assert.deepEqual(
    [...parseNetstat(text, 'TcpExt')],
    [
      ['SyncookiesSent', 5],
      ['ListenOverflows', 12],
      ['ListenDrops', 14],
    ],
  )
  assert.equal(parseNetstat('', 'TcpExt').size, 0)
})

test('rights are the effective user and the bits of CapEff', () => {
  const user = parseRights(
    'Name:\tnode\nUid:\t1000\t1000\t1000\t1000\nCapPrm:\t0000000000000400\nCapEff:\t0000000000000400\n',
  )
  assert.equal(user?.uid, 1000)
  assert.equal(user?.has('netBindService'), true)
  assert.equal(user?.has('netAdmin'), false)
  const root = parseRights('Uid:\t0\t0\t0\t0\nCapEff:\t000001fffeffffff\n')
  assert.equal(root?.has('netAdmin'), true)
  assert.equal(root?.has('sysResource'), false)
  assert.equal(parseRights(''), undefined)
})

describe('the fullest destination', () => {
  const HEAD = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n'
  const row = (local: string, remote: string, state: string) =>
    `   1: ${local} ${remote} ${state} 00000000:00000000 03:00001285 00000000     0        0 0 3 0000000005bc959a\n`
  const RANGE = [32768, 60999] as const

  test('counts local ports by remote address and port, with TIME_WAIT apart', () => {
    // From 192.0.2.5: two to 203.0.113.10:443, one to 203.0.113.11:443; 0x8235 is port 33333.
    const ipv4 =
      HEAD +
      row('050200C0:8235', '0A7100CB:01BB', '01') +
      row('050200C0:8236', '0A7100CB:01BB', '06') +
      row('050200C0:8237', '0B7100CB:01BB', '06')
    assert.deepEqual(fullestDestination([ipv4], RANGE), { destination: '203.0.113.10:443', ports: 2, timeWait: 1 })
  })
  test('reads IPv6 addresses', () => {
    const ipv6 = HEAD + row('B80D0120000000000000000005000000:8235', 'B80D012000000000000000000A000000:01BB', '01')
    assert.equal(fullestDestination([ipv6], RANGE)?.destination, '[2001:db8::a]:443')
  })
  test('leaves out connections that clients made to a listener whose port is in the range', () => {
    const ipv4 = HEAD + row('00000000:C350', '00000000:0000', '0A') + row('050200C0:C350', '0A7100CB:9C40', '01')
    assert.equal(fullestDestination([ipv4], RANGE), undefined)
  })
  test('leaves out ports outside of the range', () => {
    assert.equal(fullestDestination([HEAD + row('050200C0:01BB', '0A7100CB:9C40', '01')], RANGE), undefined)
  })
})

test('a container is known by its marks', () => {
  const none = () => undefined
  assert.equal(containerName(none, {}), undefined)
  assert.equal(
    containerName((path) => (path === '/.dockerenv' ? '' : undefined), {}),
    'Docker',
  )
  assert.equal(
    containerName((path) => (path === '/run/.containerenv' ? '' : undefined), {}),
    'Podman',
  )
  assert.equal(containerName(none, { KUBERNETES_SERVICE_HOST: '192.0.2.1' }), 'Kubernetes')
  assert.equal(containerName(none, { container: 'lxc' }), 'lxc')
})
