import assert from 'node:assert/strict'
import { closeSync, fstatSync, openSync } from 'node:fs'
import { test } from 'node:test'
import { HANDOVER_VARIABLE, Inheritance, listenerKey, type Handover } from './handover.ts'
import { NewsWriter } from './news.ts'
import { ownCommand, startSuccessor } from './successor.ts'

const listener = (index: number, address: string, port: number, dualStack = false) => {
  return { index, dualStack, address: { family: address.includes(':') ? (6 as const) : (4 as const), address, port } }
}

function inherit(handover: Partial<Handover>): Inheritance {
  const env = { [HANDOVER_VARIABLE]: JSON.stringify({ readyFd: 99, admin: null, listeners: [], ...handover }) }
  const inheritance = Inheritance.take(env)
  assert.deepEqual(env, {}, 'no child may find it')
  assert.ok(inheritance !== undefined)
  return inheritance
}

test('a process that follows nobody inherits nothing', () => {
  assert.equal(Inheritance.take({}), undefined)
})

test('a listener gets the sockets of its address, once, and a dual-stack one is another address', () => {
  const inheritance = inherit({
    listeners: [
      { asked: '127.0.0.1:443', got: '127.0.0.1:443', fds: [5, 6] },
      { asked: '[::]:80 dual', got: '[::]:80 dual', fds: [7] },
    ],
  })
  assert.deepEqual(inheritance.fdsOf(listener(0, '127.0.0.1', 443)), [5, 6])
  assert.deepEqual(inheritance.fdsOf(listener(0, '127.0.0.1', 443)), [5, 6])
  assert.deepEqual(inheritance.fdsOf(listener(1, '127.0.0.1', 443)), [])
  assert.deepEqual(inheritance.fdsOf(listener(2, '::', 80)), [])
  assert.deepEqual(inheritance.fdsOf(listener(3, '::', 80, true)), [7])
})

test('a listener that asked for any free port keeps the one it got', () => {
  const inheritance = inherit({
    listeners: [
      { asked: '127.0.0.1:0', got: '127.0.0.1:40001', fds: [5] },
      { asked: '127.0.0.1:0', got: '127.0.0.1:40002', fds: [6] },
    ],
  })
  const [first, second] = [listener(0, '127.0.0.1', 0), listener(1, '127.0.0.1', 0)]
  assert.deepEqual([inheritance.fdsOf(first), inheritance.fdsOf(second)], [[5], [6]])
})

test('every socket has a worker, whatever the numbers', () => {
  const sockets = { asked: '127.0.0.1:443', got: '127.0.0.1:443', fds: [5, 6, 7] }
  const at = listener(0, '127.0.0.1', 443)
  const parts = (workers: number) =>
    Array.from({ length: workers }, (_, i) => inherit({ listeners: [sockets] }).fdsOfWorker(at, i, workers))
  assert.deepEqual(parts(1), [[5, 6, 7]])
  assert.deepEqual(parts(2), [[5, 7], [6]])
  assert.deepEqual(parts(4), [[5], [6], [7], []])
})

test('what nobody asks for is closed', () => {
  const fd = openSync('/dev/null', 'r')
  const taken = openSync('/dev/null', 'r')
  const inheritance = inherit({
    listeners: [
      { asked: '127.0.0.1:80', got: '127.0.0.1:80', fds: [fd] },
      { asked: '127.0.0.1:443', got: '127.0.0.1:443', fds: [taken] },
    ],
  })
  inheritance.fdsOf(listener(0, '127.0.0.1', 443))
  inheritance.closeUntaken()
  assert.throws(() => fstatSync(fd), { code: 'EBADF' })
  closeSync(taken)
})

test('the admin endpoint keeps its socket at the same address only', () => {
  const admin = { asked: '127.0.0.1:9900', got: '127.0.0.1:9900', fds: [8] }
  const at = (port: number) => ({ family: 4 as const, address: '127.0.0.1', port })
  assert.deepEqual(inherit({ admin }).adminSocket(at(9900)), { fd: 8, address: at(9900) })
  assert.equal(inherit({ admin }).adminSocket(at(9901)), undefined)
  assert.equal(inherit({}).adminSocket(at(9900)), undefined)
  const free = { asked: '127.0.0.1:0', got: '127.0.0.1:40001', fds: [8] }
  assert.deepEqual(inherit({ admin: free }).adminSocket(at(0)), { fd: 8, address: at(40001) })
  assert.equal(listenerKey({ address: at(9900), dualStack: false }), admin.got)
})

test('the next version is started as this one was, by the path that was asked for', () => {
  const argv = ['/usr/bin/node', '/opt/v1/bin/tidegate', 'run', '-c', 't.yaml']
  assert.deepEqual(ownCommand(argv, {}), ['/opt/v1/bin/tidegate', 'run', '-c', 't.yaml'])
  const env = { TIDEGATE_COMMAND: '/usr/bin/tidegate' }
  assert.deepEqual(ownCommand(argv, env), ['/usr/bin/tidegate', 'run', '-c', 't.yaml'])
})

const noSockets = { listeners: [], admin: undefined, news: new NewsWriter() }

test('a next version that is not there, or ends without a word, is a failure with its reason', async () => {
  const absent = await startSuccessor({ command: ['/nowhere/tidegate'], ...noSockets })
  assert.match(absent.kind === 'failed' ? absent.why : '', /\/nowhere\/tidegate.*ENOENT/)
  const quiet = await startSuccessor({ command: ['/bin/sh', '-c', 'exit 3'], ...noSockets })
  assert.deepEqual(quiet, { kind: 'failed', why: 'It ended with exit code 3 before it was ready.' })
})

test('what is no answer is a failure too', async () => {
  const other = await startSuccessor({ command: ['/bin/sh', '-c', 'echo hello >&3'], ...noSockets })
  assert.match(other.kind === 'failed' ? other.why : '', /^What it said is no answer: hello/)
})
