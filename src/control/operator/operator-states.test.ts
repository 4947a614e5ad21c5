import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { capturedLog } from '../../../test/harness/captured-log.ts'
import { monotonicMs } from '../../lib/clock.ts'
import { serviceForTest } from '../../traffic/service-for-test.ts'
import type { Service, Tables } from '../../traffic/tables.ts'
import { UpstreamStates, WANTED } from '../../traffic/upstream-states.ts'
import { FORGOTTEN_STATES_MAX, OperatorStates } from './operator-states.ts'

const root = mkdtempSync(join(tmpdir(), 'tidegate-operator-'))
after(() => rmSync(root, { recursive: true }))
let folders = 0
const newFolder = (): string => join(root, String(++folders))

/** A node with one service, whose upstreams are called `upstream 0`, `upstream 1` … */
function nodeWith(upstreams: number, changes: Partial<Service> = {}) {
  const addresses = Array.from({ length: upstreams }, (_, i) => ({
    family: 4 as const,
    address: `192.0.2.${i % 256}`,
    port: 1000 + i,
  }))
  const service = serviceForTest(addresses, { name: 'web', ...changes })
  const shape = { services: 1, upstreams }
  const states = new UpstreamStates(new SharedArrayBuffer(UpstreamStates.bytes(shape)), shape)
  const wentDown: string[] = []
  const node = { memory: { states }, upstreamWentDown: (_: Service, { name }: { name: string }) => wentDown.push(name) }
  const tables: Tables = { version: 1, logConnections: 'all', services: [service] }
  return { node, service, states, tables, wentDown }
}

describe('operator states', () => {
  test('a state that was set is there for the workers at once, and for the next start', async () => {
    const folder = newFolder()
    const { node, service, states, tables, wentDown } = nodeWith(2)
    const { log, records } = capturedLog()
    const operator = await OperatorStates.read(folder, log)
    operator.applyTo(tables, states)
    const change = operator.set(node, service, service.upstreams[0], 'down', '192.0.2.7')
    assert.equal(states.wanted(0), WANTED.down, 'before the file is written')
    assert.deepEqual(wentDown, ['upstream 0'])
    assert.deepEqual(await change, { from: 'up', stored: true, closes: false, usableLeft: 1 })

    const next = nodeWith(2)
    const again = await OperatorStates.read(folder, log)
    again.applyTo(next.tables, next.states)
    assert.deepEqual([next.states.wanted(0), next.states.wanted(1)], [WANTED.down, WANTED.up])
    assert.deepEqual(
      records().map(({ event, from, to, by }) => [event, from, to, by]),
      [
        ['upstream-state-set', 'up', 'down', '192.0.2.7'],
        ['upstream-state-set', 'up', 'down', join(folder, 'operator-states.json')],
      ],
    )
    assert.deepEqual((await again.set(next.node, next.service, next.service.upstreams[0], 'up', 'x')).from, 'down')
    assert.equal((await OperatorStates.read(folder, log)).wanted('web', 'upstream 0'), 'up')
  })

  test('what another process of this node has set meanwhile holds here when it is read again', async () => {
    const folder = newFolder()
    const { log } = capturedLog()
    const [old, next] = [nodeWith(1), nodeWith(1)]
    const there = await OperatorStates.read(folder, log)
    const here = await OperatorStates.read(folder, log)
    await there.set(old.node, old.service, old.service.upstreams[0], 'drain', 'x')
    await here.readAgain(next.tables, next.states)
    assert.deepEqual([here.wanted('web', 'upstream 0'), next.states.wanted(0)], ['drain', WANTED.drain])
    writeFileSync(join(folder, 'operator-states.json'), 'damaged')
    await here.readAgain(next.tables, next.states)
    assert.equal(next.states.wanted(0), WANTED.drain)
  })

  test('taken back, an upstream starts slowly from now; one that was up all the time does not', async () => {
    const { node, service, states } = nodeWith(3)
    const operator = await OperatorStates.read(newFolder(), capturedLog().log)
    const [drained, down, up] = service.upstreams
    await operator.set(node, service, drained, 'drain', 'x')
    await operator.set(node, service, down, 'down', 'x')
    assert.deepEqual([states.upSinceMs(0), states.upSinceMs(1)], [0, 0])
    const beforeMs = monotonicMs()
    for (const upstream of [drained, down, up]) await operator.set(node, service, upstream, 'up', 'x')
    for (const i of [0, 1]) assert.ok(states.upSinceMs(i) >= beforeMs, service.upstreams[i].name)
    assert.equal(states.upSinceMs(2), 0)
  })

  test('drain closes nothing; down said again closes what has come since', async () => {
    const { node, service, states, tables, wentDown } = nodeWith(1)
    const { log, records } = capturedLog()
    const operator = await OperatorStates.read(newFolder(), log)
    operator.applyTo(tables, states)
    const [upstream] = service.upstreams
    for (const to of ['drain', 'down', 'down'] as const) await operator.set(node, service, upstream, to, 'x')
    assert.deepEqual(wentDown, ['upstream 0', 'upstream 0'])
    assert.deepEqual(
      records().map(({ event, to }) => [event, to]),
      [
        ['upstream-state-set', 'drain'],
        ['last-upstream-taken', undefined],
        ['upstream-state-set', 'down'],
      ],
    )
  })

  test('usable are those that are wanted, have a weight and are not found down', async () => {
    const { node, service, states, tables } = nodeWith(4)
    const operator = await OperatorStates.read(newFolder(), capturedLog().log)
    operator.applyTo(tables, states)
    states.setFound(1, 'down')
    states.eject(2, 0, Infinity)
    const set = (to: 'up' | 'drain') => operator.set(node, service, service.upstreams[3], to, 'x')
    assert.deepEqual([(await set('up')).usableLeft, (await set('drain')).usableLeft], [2, 1])
  })

  test('many changes at once end as the last of each, in memory and in the file', async () => {
    const folder = newFolder()
    const { node, service, states, tables } = nodeWith(8)
    const { log } = capturedLog()
    const operator = await OperatorStates.read(folder, log)
    operator.applyTo(tables, states)
    const words = ['drain', 'down', 'up'] as const
    const changes = Array.from({ length: 200 }, (_, i) =>
      operator.set(node, service, service.upstreams[i % 8], words[(i * 7) % 3], 'x'),
    )
    assert.ok((await Promise.all(changes)).every(({ stored }) => stored))
    const stored = await OperatorStates.read(folder, log)
    for (const { name, index } of service.upstreams) {
      assert.equal(WANTED[stored.wanted('web', name)], states.wanted(index), name)
    }
  })

  test('upstreams that are gone from the configuration are remembered, up to a bound, the newest ones', async () => {
    const folder = newFolder()
    const { node, service, states, tables } = nodeWith(FORGOTTEN_STATES_MAX + 12)
    const operator = await OperatorStates.read(folder, capturedLog().log)
    operator.applyTo(tables, states)
    await Promise.all(service.upstreams.map((upstream) => operator.set(node, service, upstream, 'drain', 'x')))
    const kept = (): number =>
      (JSON.parse(readFileSync(join(folder, 'operator-states.json'), 'utf8')) as { upstreams: unknown[] }).upstreams
        .length
    assert.equal(kept(), service.upstreams.length, 'those that are configured have no bound')

    const [first, second] = service.upstreams
    operator.applyTo({ ...tables, services: [{ ...service, upstreams: [first, second] }] }, states)
    await operator.set(node, service, first, 'up', 'x')
    assert.equal(kept(), FORGOTTEN_STATES_MAX + 1)
    assert.equal(operator.wanted('web', second.name), 'drain')
    assert.equal(operator.wanted('web', 'upstream 2'), 'up', 'the oldest is forgotten')
    assert.equal(operator.wanted('web', service.upstreams.at(-1)!.name), 'drain')
  })

  test('a folder that can not be made costs the memory over a restart, and the log says so', async () => {
    const file = newFolder()
    writeFileSync(file, '')
    const { node, service, states, tables } = nodeWith(2)
    const { log, records } = capturedLog()
    const operator = await OperatorStates.read(file, log)
    operator.applyTo(tables, states)
    const change = await operator.set(node, service, service.upstreams[0], 'drain', 'x')
    assert.deepEqual([change.stored, states.wanted(0)], [false, WANTED.drain])
    const said = records().find(({ event }) => event === 'upstream-states-not-stored')
    assert.equal(said?.['level'], 'warn')
    assert.match(String(said?.['reason']), /EEXIST|ENOTDIR/)
  })
})
