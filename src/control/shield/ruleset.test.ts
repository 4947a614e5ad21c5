import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FirewallConfig } from './firewall-config.ts'
import { handshakeFor } from './handshake.ts'
import { changeScript, pidOfChain, type RulesetPlan, tableScript } from './ruleset.ts'

const CONFIG: FirewallConfig = {
  mode: 'auto',
  table: 'tidegate',
  keep: false,
  loopback: false,
  entriesMax: 100,
  synsPerSecond: 0,
  dropInvalid: false,
  synproxy: false,
}

function script(config: Partial<FirewallConfig> = {}, rest: Partial<RulesetPlan> = {}): string {
  return tableScript({ config: { ...CONFIG, ...config }, listeners: [], handshake: undefined, pid: 7, ...rest })
}

test('each listener is in the set of its kind: one address, or every address of a family', () => {
  const text = script(
    {},
    {
      listeners: [
        { index: 0, address: { family: 4, address: '192.0.2.1', port: 443 }, dualStack: false },
        { index: 1, address: { family: 4, address: '0.0.0.0', port: 80 }, dualStack: false },
        { index: 2, address: { family: 6, address: '::', port: 81 }, dualStack: false },
        { index: 3, address: { family: 6, address: '::', port: 82 }, dualStack: true },
        { index: 4, address: { family: 6, address: '2001:db8::1', port: 443 }, dualStack: false },
      ],
    },
  )
  const set = (name: string): string => new RegExp(`set ${name} \\{.*?(\\{.*\\}) \\}`).exec(text)?.[1] ?? ''
  assert.equal(set('listeners4'), '{ 192.0.2.1 . 443 }')
  assert.equal(set('listeners6'), '{ 2001:db8::1 . 443 }')
  assert.equal(set('ports4'), '{ 80, 82 }')
  assert.equal(set('ports6'), '{ 81, 82 }')
})

test('nothing asks connection tracking unless it is wanted', () => {
  assert.doesNotMatch(script({ synsPerSecond: 10, loopback: true, keep: true }), /\bct\b|notrack|synproxy/)
  assert.match(script({ dropInvalid: true }), /ct state invalid fib daddr type local counter name invalid drop/)
  assert.match(script({ synproxy: true }, { handshake: { windowScale: 9 } }), /synproxy mss 1440 wscale 9 timestamp/)
})

test('every drop is asked whether the packet is for this machine', () => {
  const drops = script({ synsPerSecond: 10, dropInvalid: true }).match(/^.*\bdrop$/gm) ?? []
  assert.equal(drops.length, 9)
  for (const rule of drops) assert.match(rule, /fib daddr type local/)
})

test('loopback is let through unless it is asked for', () => {
  assert.match(script(), /iifname "lo" accept/)
  assert.doesNotMatch(script({ loopback: true }), /iifname/)
})

test('the old table goes in the same transaction', () => {
  assert.match(script({ table: 'mine' }), /^add table inet mine\ndelete table inet mine\ntable inet mine \{\n/)
})

test('a timed element is added before it is deleted, as it may have expired; one that stays is not', () => {
  const untilMs = 61_500
  const changes = [
    { kind: 'add', text: '192.0.2.1', untilMs },
    { kind: 'refresh', text: '192.0.2.2', untilMs },
    { kind: 'remove', text: '192.0.2.3', untilMs },
  ] as const
  assert.equal(
    changeScript('t', 's', changes, 1_000),
    'add element inet t s { 192.0.2.2 timeout 61s, 192.0.2.3 timeout 61s }\n' +
      'delete element inet t s { 192.0.2.2, 192.0.2.3 }\n' +
      'add element inet t s { 192.0.2.1 timeout 61s, 192.0.2.2 timeout 61s }\n',
  )
  const stays = [{ kind: 'remove', text: '192.0.2.0/24', untilMs: Infinity }] as const
  assert.equal(changeScript('t', 's', stays, 0), 'delete element inet t s { 192.0.2.0/24 }\n')
})

test('a ban of ages gets the longest time there is, one that is all but over a second', () => {
  const timeouts = [1, 1e15].map(
    (untilMs) => /timeout (\d+)s/.exec(changeScript('t', 's', [{ kind: 'add', text: 'x', untilMs }], 0))?.[1],
  )
  assert.deepEqual(timeouts, ['1', '31622400'])
})

test('a chain tells whose table it is', () => {
  assert.equal(pidOfChain('daemon_4711'), 4711)
  assert.equal(pidOfChain('prerouting'), undefined)
})

test('a synproxied handshake has the window scale of the largest buffer, and needs two settings', () => {
  const settings = (values: Record<string, string>) => (path: string) => values[path.replace('/proc/sys/net/', '')]
  const right = {
    'ipv4/tcp_syncookies': '1',
    'netfilter/nf_conntrack_tcp_loose': '0',
    'ipv4/tcp_rmem': '4096 131072 6291456',
    'core/rmem_max': '212992',
  }
  assert.deepEqual(handshakeFor(settings(right)).handshake, { windowScale: 7 })
  assert.deepEqual(handshakeFor(settings({ ...right, 'core/rmem_max': '67108864' })).handshake, { windowScale: 11 })
  assert.match(handshakeFor(settings({ ...right, 'ipv4/tcp_syncookies': '0' })).why ?? '', /syncookies/)
  assert.match(handshakeFor(settings({ ...right, 'netfilter/nf_conntrack_tcp_loose': '1' })).why ?? '', /loose/)
})
