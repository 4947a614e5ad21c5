import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatIp, formatNetwork, networkContains, type Network, parseIp, parseNetwork } from '../../lib/ip.ts'
import { WantedSources } from './wanted-sources.ts'

const prefix = (text: string): Network => parseNetwork(text)!
const make = (): WantedSources => new WantedSources({ loopback: false, entriesMax: 1_000 })

function contents(sources: WantedSources): Record<string, number> {
  return Object.fromEntries(sources.sets.filter(({ size }) => size > 0).map(({ name, size }) => [name, size]))
}

test('a single source has its set, whatever else is banned; IPv6 counts by /64', () => {
  const sources = make()
  for (const text of ['192.0.2.1', '192.0.2.0/24', '2001:db8::/64', '2001:db8::1', '2001:db8::/48']) {
    sources.ban({ network: prefix(text), untilMs: 5_000 })
  }
  sources.settle(0)
  assert.deepEqual(contents(sources), { banned4: 1, banned6: 1, banned_prefixes4: 1, banned_prefixes6: 1 })
})

test('loopback takes no room, as its packets are never asked for', () => {
  const sources = make()
  for (const text of ['127.0.0.1', '127.0.0.0/8', '::1']) sources.ban({ network: prefix(text), untilMs: 5_000 })
  sources.deny([prefix('127.0.0.0/16')])
  assert.ok(!sources.hasRefused)
  const asked = new WantedSources({ loopback: true, entriesMax: 10 })
  asked.ban({ network: prefix('127.0.0.1'), untilMs: 5_000 })
  assert.ok(asked.hasRefused)
})

test('only an allow list refuses nobody', () => {
  const sources = make()
  sources.allow([prefix('192.0.2.0/24')])
  assert.ok(!sources.hasRefused)
})

/** The same numbers every time. */
function random(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

/** A kernel that refuses what nftables refuses: overlaps in interval sets, deleting what is not there. */
class PretendedKernel {
  readonly #sets = new Map<string, Map<string, number>>()

  apply(sources: WantedSources, nowMs: number, room: number): void {
    for (const { name, takeChanges } of sources.sets.map((set) => ({
      name: set.name,
      takeChanges: () => set.takeChanges(nowMs, room),
    }))) {
      const set = this.#sets.get(name) ?? new Map<string, number>()
      this.#sets.set(name, set)
      this.#expire(set, nowMs)
      const changes = takeChanges()
      // As changeScript does it: first what goes or changes, then what comes.
      for (const { kind, text } of changes) if (kind !== 'add') set.delete(text)
      for (const { kind, text, untilMs } of changes) {
        if (kind === 'remove') continue
        if (name.startsWith('banned_prefixes')) this.#assertApart(set, text)
        set.set(text, untilMs)
      }
    }
  }

  #expire(set: Map<string, number>, nowMs: number): void {
    for (const [text, untilMs] of set) if (untilMs <= nowMs) set.delete(text)
  }

  #assertApart(set: Map<string, number>, text: string): void {
    const network = prefix(text)
    for (const other of set.keys()) {
      const known = prefix(other)
      if (known.family !== network.family || other === text) continue
      assert.ok(
        !networkContains(known, network.bytes, 0) && !networkContains(network, known.bytes, 0),
        `${text} ${other}`,
      )
    }
  }

  drops(address: Uint8Array, nowMs: number): boolean {
    return [...this.#sets].some(([name, set]) =>
      [...set].some(([text, untilMs]) => {
        const network = prefix(name === 'banned6' ? `${text}/64` : text)
        return network.bytes.length === address.length && untilMs > nowMs && networkContains(network, address, 0)
      }),
    )
  }
}

test('whatever comes and goes, the kernel drops who is banned and nobody else', () => {
  for (let seed = 1; seed <= 30; seed++) {
    const draw = random(seed)
    const sources = make()
    const kernel = new PretendedKernel()
    const bans = new Map<string, { network: Network; untilMs: number }>()
    const lengths = [8, 12, 16, 20, 24, 28, 32]
    const drawNetwork = (): Network => {
      const length = lengths[draw(lengths.length)]
      const bits = ((10 << 24) | (draw(4) << 16) | (draw(4) << 8) | draw(16)) >>> 0
      const masked = (bits & (0xffffffff << (32 - length))) >>> 0
      return prefix(`${formatIp(Uint8Array.of(masked >>> 24, masked >>> 16, masked >>> 8, masked))}/${length}`)
    }
    for (let nowMs = 0; nowMs < 100_000; nowMs += 500 + draw(3_000)) {
      for (let changes = draw(4); changes >= 0; changes--) {
        const known = [...bans.values()]
        if (draw(3) === 0 && known.length > 0) {
          const { network } = known[draw(known.length)]
          bans.delete(formatNetwork(network))
          sources.unban(network)
        } else {
          const ban = { network: drawNetwork(), untilMs: nowMs + 1_000 + draw(20_000) }
          bans.set(formatNetwork(ban.network), ban)
          sources.ban(ban)
        }
      }
      sources.settle(nowMs)
      kernel.apply(sources, nowMs, 1_000)
      for (let tries = 0; tries < 20; tries++) {
        const address = parseIp(`10.${draw(4)}.${draw(4)}.${draw(16)}`)!
        const isBanned = [...bans.values()].some(
          ({ network, untilMs }) => untilMs > nowMs && networkContains(network, address, 0),
        )
        assert.equal(sources.refuses(address, nowMs), isBanned, 'what is said of it')
        assert.equal(kernel.drops(address, nowMs), isBanned, `seed ${seed} at ${nowMs}: ${formatIp(address)}`)
      }
    }
  }
})
