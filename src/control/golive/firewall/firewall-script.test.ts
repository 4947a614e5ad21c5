/**
 * The scripts as people read them: golden/*.txt. `GOLDEN=write` writes them; read the difference before committing.
 * What they do is tried in test/golive/.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { firewallScript } from './firewall-script.ts'
import { FIREWALL_FORMATS, FirewallError, type FirewallWishes, makeFirewallPlan } from './plan.ts'

const WISHES: Omit<FirewallWishes, 'format'> = {
  ports: ['443', '8000-8010'],
  nodes: ['203.0.113.1', '2001:db8::1'],
  trusted: ['198.51.100.0/24'],
  admins: ['192.0.2.7', '2001:db8:a::/48'],
}

describe('firewall scripts', () => {
  for (const format of FIREWALL_FORMATS) {
    const script = firewallScript(makeFirewallPlan({ ...WISHES, format }))

    test(`the ${format} script reads as its golden`, () => {
      const golden = new URL(`golden/${format}.txt`, import.meta.url)
      if (process.env['GOLDEN'] === 'write') writeFileSync(golden, script)
      assert.deepEqual(script.split('\n'), readFileSync(golden, 'utf8').split('\n'))
    })

    if (format === 'windows') continue
    test(`the ${format} script is read by every shell that is here`, () => {
      for (const shell of ['sh', 'dash', 'bash --posix', 'busybox sh']) {
        const [program, ...args] = shell.split(' ')
        const { error, status, stderr } = spawnSync(program, [...args, '-n'], { input: script, encoding: 'utf8' })
        if (error === undefined) assert.deepEqual([status, stderr], [0, ''], shell)
      }
    })

    test(`shellcheck finds nothing in the ${format} script`, (t) => {
      // Functions that only another format's frame calls, and those called through "$1".
      const args = ['--shell=sh', '--exclude=SC2015,SC2317', '-']
      const { error, status, stdout } = spawnSync('shellcheck', args, { input: script, encoding: 'utf8' })
      if (error !== undefined) t.skip('no shellcheck here')
      else assert.deepEqual([status, stdout], [0, ''])
    })
  }

  test('without admins no port of theirs is touched', () => {
    const plan = makeFirewallPlan({ format: 'nftables', ports: ['443'], nodes: ['203.0.113.1'] })
    assert.deepEqual(plan.adminPorts, [])
    assert.match(firewallScript(plan), /tcp dport != \{ 443 \} accept/)
  })

  test('a port of clients is no admin port, and ranges are joined', () => {
    const wishes = { format: 'nftables', nodes: ['203.0.113.1'], admins: ['192.0.2.7'] }
    const plan = makeFirewallPlan({ ...wishes, ports: ['22', '80', '81-90', '85-95'], adminPorts: ['20-23', '3389'] })
    assert.deepEqual(plan.ports, [
      { first: 22, last: 22 },
      { first: 80, last: 95 },
    ])
    assert.deepEqual(plan.adminPorts, [
      { first: 20, last: 21 },
      { first: 23, last: 23 },
      { first: 3389, last: 3389 },
    ])
  })

  test('a network inside another is written once', () => {
    const nodes = ['203.0.113.1', '203.0.113.0/24', '::ffff:203.0.113.9']
    assert.deepEqual(makeFirewallPlan({ format: 'ufw', ports: ['1'], nodes }).allowed, {
      ipv4: ['203.0.113.0/24'],
      ipv6: [],
    })
  })

  for (const [shows, wishes, message] of [
    ['a command in an address', { nodes: ['203.0.113.1; reboot'] }, /node "203\.0\.113\.1; reboot" /],
    ['a command in a port', { ports: ['80$(reboot)'] }, /port "80\$\(reboot\)": expected a port/],
    ['a line break', { nodes: ['203.0.113.1\nEND\nreboot'] }, /node "203\.0\.113\.1\\nEND\\nreboot" /],
    ['everybody', { trusted: ['0.0.0.0/0'] }, /trusted network "0\.0\.0\.0\/0" is everybody/],
    ['everybody by IPv6', { nodes: ['::/0'] }, /is everybody/],
    ['nobody', { nodes: ['0.0.0.0'] }, /is nobody/],
    ['multicast', { admins: ['224.0.0.1'] }, /multicast/],
    ['host bits', { trusted: ['192.0.2.1/24'] }, /write 192\.0\.2\.0\/24 for the network/],
    ['port 0', { ports: ['0'] }, /port "0"/],
    ['port 65536', { ports: ['65536'] }, /port "65536"/],
    ['a range upside down', { ports: ['20-10'] }, /port "20-10"/],
    ['no port', { ports: [] }, /no port to protect/],
    ['no node', { nodes: [] }, /nobody would get through/],
    ['a format that is none', { format: 'pf' }, /format "pf" is none of nftables, /],
    ['an admin port without admins', { adminPorts: ['22'] }, /lock everybody out/],
    ['no time for a look', { rollbackAfterS: 0 }, /5 to 3600 s/],
    ['a time that is no number', { rollbackAfterS: Number.NaN }, /5 to 3600 s/],
  ] as const) {
    test(`refused: ${shows}`, () => {
      const good = { format: 'nftables', ports: ['443'], nodes: ['203.0.113.1'] }
      assert.throws(
        () => makeFirewallPlan({ ...good, ...wishes }),
        (error) => error instanceof FirewallError && message.test(error.message),
      )
    })
  }
})
