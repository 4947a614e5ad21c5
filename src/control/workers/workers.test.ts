/** Workers against a stand-in that does what the service's name says, and reports what it was told as warnings. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { Listener, Service, Tables } from '../../traffic/tables.ts'
import { SharedMemory } from './shared-memory.ts'
import { StartError } from './start-error.ts'
import { Workers } from './workers.ts'

const STUB = `
import { workerData } from 'node:worker_threads'
const { port, workerIndex, tables } = workerData
const behaviour = tables.services[0].name
const say = (message) => port.postMessage({ kind: 'warning', message })
const addresses = (tables) => tables.services.flatMap((service) => service.listeners.map((listener) => listener.address))
const listen = () => {
  const got = tables.services[0].listeners.map(({ index, address }) =>
    ({ listenerIndex: index, address: { ...address, port: address.port || 50000 + index } }))
  port.postMessage({ kind: 'listening', wakeFd: -1, addresses: got })
}
port.on('message', (command) => {
  if (command.kind === 'tables') say('version ' + command.tables.version + ' port ' + addresses(command.tables)[0].port)
  if (command.kind === 'prepare') {
    say('prepare ' + addresses(command.tables).map(({ port }) => port))
    const [fresh] = command.tables.services[0].listeners.slice(-1)
    if (command.tables.services[0].name === 'second-fails' && workerIndex === 1) {
      port.postMessage({ kind: 'listen-failed', address: fresh.address, code: 'EADDRINUSE', message: 'in use' })
    } else {
      const got = { listenerIndex: fresh.index, address: { ...fresh.address, port: fresh.address.port || 60000 } }
      port.postMessage({ kind: 'prepared', addresses: [got] })
    }
  }
  if (command.kind === 'commit' || command.kind === 'cancel') {
    say(command.kind)
    port.postMessage({ kind: 'settled' })
  }
  if (command.kind === 'drain' && behaviour !== 'never-drains') port.postMessage({ kind: 'drained' })
  if (command.kind === 'end') {
    say('told to end')
    port.close()
  }
})
say('asked for port ' + addresses(tables)[0].port)
if (behaviour === 'taken') {
  const address = addresses(tables)[0]
  port.postMessage({ kind: 'listen-failed', address, code: 'EADDRINUSE', message: 'address in use' })
} else if (behaviour === 'second-throws' && workerIndex === 1) throw new Error('no more memory')
else listen()
if (behaviour === 'dies-later') setTimeout(() => { throw new Error('broken') }, 20)
`
const ENTRY = new URL(`data:text/javascript,${encodeURIComponent(STUB)}`)

function listener(index: number, port: number): Listener {
  return { index, address: { family: 4, address: '192.0.2.1', port }, dualStack: false }
}

/** Only what the stand-in looks at. */
function tablesFor(name: string, port: number, version = 1): Tables {
  const service = { index: 0, name, listeners: [listener(0, port)], upstreams: [], candidates: [] }
  return { version, logConnections: 'all', services: [service as unknown as Service] }
}

function makeWorkers(name: string, port = 8080, count = 2): { workers: Workers; said: string[]; lost: number[] } {
  const said: string[] = []
  const lost: number[] = []
  const workers = new Workers({
    engine: 'node',
    ioUring: false,
    tables: tablesFor(name, port),
    limits: { connectionsMax: 10, pipesMax: 0, spillBytesMax: 0 },
    bootId: '000000000000',
    memory: new SharedMemory(count, { services: 1, upstreams: 1 }, 1),
    entry: ENTRY,
    onReport: (report, worker) => said.push(`${worker}: ${report.kind === 'warning' ? report.message : report.kind}`),
    onLost: (worker) => lost.push(worker),
  })
  return { workers, said, lost }
}

test('all workers listen on the port that worker 0 got where port 0 was asked', async () => {
  const { workers, said } = makeWorkers('web', 0, 3)
  await workers.start()
  assert.equal(workers.tables.services[0].listeners[0].address.port, 50_000)
  assert.deepEqual(said.toSorted(), ['0: asked for port 0', '1: asked for port 50000', '2: asked for port 50000'])
  await workers.end()
})

test('new tables reach every worker, and keep the ports that listeners got', async () => {
  const { workers, said } = makeWorkers('web', 0)
  await workers.start()
  workers.swapTables(tablesFor('web', 0, 2))
  await workers.end()
  assert.ok(said.includes('0: version 2 port 50000'), said.join('\n'))
  assert.ok(said.includes('1: version 2 port 50000'), said.join('\n'))
})

function withNewListener(name: string): Tables {
  const tables = tablesFor(name, 8080, 2)
  const listeners = [...tables.services[0].listeners, listener(1, 0)]
  return { ...tables, services: [{ ...tables.services[0], listeners }] }
}

test('other listeners: worker 0 is asked first, all get its port, and all commit', async () => {
  const { workers, said } = makeWorkers('web', 8080, 3)
  await workers.start()
  said.length = 0
  const versions: number[] = []
  await workers.changeTables(withNewListener('web'), (tables) => {
    versions.push(tables.version, tables.services[0].listeners[1].address.port)
    assert.ok(!said.some((line) => line.includes('commit')))
  })
  assert.deepEqual(versions, [2, 60_000])
  assert.equal(workers.tables.services[0].listeners[1].address.port, 60_000)
  assert.equal(said[0], '0: prepare 8080,0')
  const after = ['0: commit', '1: commit', '1: prepare 8080,60000', '2: commit', '2: prepare 8080,60000']
  assert.deepEqual(said.slice(1).toSorted(), after)
  await workers.end()
})

test('other listeners: when one worker can not open them, all cancel, and the tables stay', async () => {
  const { workers, said } = makeWorkers('web', 8080, 3)
  await workers.start()
  const change = workers.changeTables(withNewListener('second-fails'), () => assert.fail('committed'))
  await assert.rejects(change, /Cannot listen on 192\.0\.2\.1:60000: .*EADDRINUSE.*listen of service second-fails/)
  assert.equal(workers.tables.version, 1)
  assert.deepEqual(said.filter((line) => line.includes('cancel')).toSorted(), ['0: cancel', '1: cancel', '2: cancel'])
  assert.ok(!said.some((line) => line.includes('commit')))
  await workers.end()
})

test('other listeners: a stop in between opens nothing', async () => {
  const { workers, said } = makeWorkers('web', 8080, 2)
  await workers.start()
  const change = workers.changeTables(withNewListener('web'), () => assert.fail('committed'))
  const drained = workers.drain()
  await assert.rejects(change, /Tidegate is stopping/)
  await drained
  assert.ok(!said.some((line) => line.includes('commit')))
  await workers.end()
})

test('a taken port ends the start with the address, the errno, the service and what to do', async () => {
  const { workers, lost } = makeWorkers('taken')
  await assert.rejects(workers.start(), (error: unknown) => {
    assert.ok(error instanceof StartError)
    assert.equal(error.code, 'E_LISTEN')
    const sentence =
      'Cannot listen on 192.0.2.1:8080: another process holds it (EADDRINUSE). Stop it, or choose another port in listen of service taken.'
    assert.equal(error.message, sentence)
    return true
  })
  assert.deepEqual(lost, [])
})

test('a worker that throws at its start ends the start, and the others are told to end', async () => {
  const { workers, said, lost } = makeWorkers('second-throws')
  await assert.rejects(workers.start(), /Worker 1 did not start: no more memory/)
  assert.ok(said.includes('0: told to end'))
  assert.deepEqual(lost, [])
})

test('a worker that dies later is reported as lost, once', async () => {
  const { workers, lost } = makeWorkers('dies-later', 8080, 1)
  await workers.start()
  while (lost.length === 0) await delay(5)
  await workers.drain()
  assert.equal(await workers.end(), 'in order')
  assert.deepEqual(lost, [0])
})

test('drain resolves when every worker has drained, and not before', async () => {
  const { workers } = makeWorkers('web')
  await workers.start()
  await workers.drain()
  assert.equal(await workers.end(), 'in order')

  const stubborn = makeWorkers('never-drains')
  await stubborn.workers.start()
  const drained = stubborn.workers.drain().then(() => 'drained')
  assert.equal(await Promise.race([drained, delay(50, 'still open')]), 'still open')
  // Ended workers have nothing left to drain.
  await stubborn.workers.end()
  assert.equal(await drained, 'drained')
})
