import assert from 'node:assert/strict'
import { test } from 'node:test'
import { capturedLog } from '../../test/harness/captured-log.ts'
import type { Config } from './config/config.ts'
import { parseConfig } from './config/load.ts'
import { RunningNode } from './running-node.ts'

/** Listens on what it is asked to and repeats the upstream addresses of each new tables. */
const STUB = `
import { workerData } from 'node:worker_threads'
const { port, tables } = workerData
const listeners = tables.services.flatMap(({ listeners }) => listeners)
const addresses = listeners.map(({ index, address }) => ({ listenerIndex: index, address: { ...address, port: 40000 + index } }))
port.postMessage({ kind: 'listening', wakeFd: -1, addresses })
port.on('message', ({ kind, tables }) => {
  if (kind === 'tables') {
    const [{ candidates, listeners }] = tables.services
    const message = 'version ' + tables.version + ': ' + candidates.map(({ address }) => address.address) + ' on ' + listeners[0].address.port
    port.postMessage({ kind: 'warning', message })
  }
  if (kind === 'prepare') port.postMessage({ kind: 'prepared', addresses: [] })
  if (kind === 'commit' || kind === 'cancel') port.postMessage({ kind: 'settled' })
  if (kind === 'end') port.close()
})
`

const CONFIG = `
traffic: { workers: 2, engine: node, maxConnections: 50 }
services:
  - { name: web, listen: ["127.0.0.1:0", "127.0.0.1:0"], mode: raw, upstreams: ["app.example:80", "192.0.2.9:80"] }
`

test('new addresses of a hostname reach all workers as the next tables, with the ports that listeners got', async () => {
  const { log, records } = capturedLog()
  const node = new RunningNode({
    config: parseConfig(CONFIG, 'tidegate.yaml', {}),
    addresses: new Map([['app.example', ['192.0.2.1']]]),
    log,
    version: '1.2.3',
    workerEntry: new URL(`data:text/javascript,${encodeURIComponent(STUB)}`),
    onLostWorker: () => assert.fail('lost'),
  })
  assert.equal(node.state(), 'starting')
  await node.start()
  assert.equal(node.state(), 'ready')
  assert.equal(node.limits.connectionsMax, 50)

  node.useAddresses(new Map([['app.example', ['192.0.2.2', '192.0.2.1']]]))
  assert.equal(node.tables().version, 2)
  assert.deepEqual(
    node.tables().services[0].candidates.map(({ address }) => address.address),
    ['192.0.2.2', '192.0.2.1', '192.0.2.9'],
  )
  assert.deepEqual(await node.end(), { connectionsReset: 0, isStuck: false })

  const said = records()
  const listening = said.filter(({ event }) => event === 'listening').map(({ address }) => address)
  assert.deepEqual(listening, ['127.0.0.1:40000', '127.0.0.1:40001'])
  const warnings = said
    .filter(({ event }) => event === 'worker-warning')
    .map(({ worker, msg }) => [worker, msg].join(' '))
  assert.deepEqual(warnings.toSorted(), [
    '0 version 2: 192.0.2.2,192.0.2.1,192.0.2.9 on 40000',
    '1 version 2: 192.0.2.2,192.0.2.1,192.0.2.9 on 40000',
  ])
})

test('a reload beyond the room that was made at the start changes nothing; names that are gone keep their places', async () => {
  const { log } = capturedLog()
  const configOf = (names: readonly string[]): Config =>
    parseConfig(
      names
        .map((name) => `- { name: ${name}, listen: ["127.0.0.1:0"], upstreams: ["192.0.2.9:80"] }`)
        .join('\n')
        .replace(/^/, 'services:\n'),
      'tidegate.yaml',
      {},
    )
  const named = (from: number, count: number): string[] => Array.from({ length: count }, (_, i) => `s${from + i}`)
  const node = new RunningNode({
    config: { ...configOf(['s0']), traffic: parseConfig(CONFIG, 'tidegate.yaml', {}).traffic },
    addresses: new Map(),
    log,
    version: '1.2.3',
    workerEntry: new URL(`data:text/javascript,${encodeURIComponent(STUB)}`),
    onLostWorker: () => assert.fail('lost'),
  })
  await node.start()
  await assert.rejects(node.reload(configOf(named(0, 257)), new Map()), { code: 'E_ROOM' })
  assert.equal(node.tables().version, 1)
  await node.reload(configOf(named(1, 200)), new Map())
  assert.equal(node.tables().services[0].index, 1)
  await assert.rejects(node.reload(configOf(named(201, 60)), new Map()), /room for 261 services: 256 places/)
  await node.reload(configOf(named(0, 256)), new Map())
  assert.deepEqual(
    node.tables().services.map(({ index }) => index),
    named(0, 256).map((_, i) => i),
  )
  await node.end()
})
