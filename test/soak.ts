/**
 * Hours of mixed traffic through one daemon: `npm run soak -- --minutes 60 --engine linux --seed 1`.
 * Every stream is checked byte for byte; connections end in every way there is; upstreams die and come back.
 * Before it, reloads and upgrades under load (soak/changes.ts); `--part changes` runs these alone.
 * `--part attack` runs the attacks of the bench (soak/attacks.ts), `--seconds` each, and nothing else.
 * Every ten seconds a line says how much memory, files and traffic there is; at the end all must be back to start.
 */
import { parseArgs } from 'node:util'
import { setTimeout as sleep } from 'node:timers/promises'
import { Daemon } from './harness/daemon.ts'
import { waitFor, within } from './harness/deadline.ts'
import type { EngineName } from './harness/engines.ts'
import { Peer } from './harness/peer.ts'
import { Random } from './harness/random.ts'
import { checkStream, sendStream, type Pattern } from './harness/transfer.ts'
import { Upstream } from './harness/upstream.ts'
import { soakAttacks } from './soak/attacks.ts'
import { soakChanges } from './soak/changes.ts'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    engine: { type: 'string', default: 'linux' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    clients: { type: 'string', default: '40' },
    /** `changes` or `attack`: only soak/changes.ts or soak/attacks.ts; of the options above --engine alone is then used. */
    part: { type: 'string', default: 'all' },
    /** Of `attack`: the beginning of a name in bench/load/attackers/plans.ts. */
    only: { type: 'string', default: '' },
    reloads: { type: 'string', default: '100' },
    upgrades: { type: 'string', default: '10' },
    seconds: { type: 'string', default: '45' },
    /** New ones each second. */
    connects: { type: 'string', default: '2200' },
  },
})

const REPORT_EVERY_MS = 10_000
/** Of the daemon after the first minute, when heaps and pools have found their size. */
const GROWTH_BYTES_MAX = 64 * 1024 * 1024
const TRANSFER_DEADLINE_MS = 120_000
/** 4 bytes each: seed, bytes, longest piece, stalls in thousandths; the request of a client to the toy upstream. */
const REQUEST_BYTES = 16

/** The upstream was away: no byte came back. */
class Refused extends Error {}

const engine = values.engine as EngineName

if (values.part === 'attack') {
  await soakAttacks({ engine, seconds: Number(values.seconds), only: values.only }, (line) =>
    console.log(`soak: ${line}`),
  )
  console.log('soak: passed')
  process.exit(0)
}
const changed = await soakChanges({
  engine,
  reloads: Number(values.reloads),
  upgrades: Number(values.upgrades),
  seconds: Number(values.seconds),
  streams: 500,
  connectsPerSecond: Number(values.connects),
})
console.log(`soak: ${changed}`)
if (values.part === 'changes') process.exit(0)

const endMs = performance.now() + Number(values.minutes) * 60_000
const counts = { exchanges: 0, cut: 0, refused: 0, bytes: 0 }

const spare = await Upstream.listen({ onConnection: answer })
let main = await Upstream.listen({ onConnection: answer })
const daemon = await Daemon.start({
  engine,
  // Kept in memory here, and not needed: hours of lines.
  log: { connections: 'none' },
  services: [
    {
      upstreams: [main.address.text, spare.address.text],
      retryFailedAfter: '1s',
      connectTimeout: '2s',
      halfClosedTimeout: '2m',
    },
  ],
})
const socketsAtStart = daemon.socketCount()
console.log(`soak: engine ${engine}, seed ${values.seed}, ${values.minutes} minutes, daemon ${daemon.pid}`)

const reports = setInterval(report, REPORT_EVERY_MS)
let settledBytes = Infinity
setTimeout(() => (settledBytes = daemon.residentBytes()), 60_000).unref()

const clients = Array.from({ length: Number(values.clients) }, (_, i) =>
  runClient(new Random(Number(values.seed) + i * 7919)),
)
await Promise.all([...clients, takeFirstUpstreamAway()])
clearInterval(reports)
report()
await finish()

async function runClient(random: Random): Promise<void> {
  while (performance.now() < endMs) {
    const cutOff = random.chance(0.1)
    const failure = await exchange(random, cutOff).then(
      () => undefined,
      (error: Error) => error,
    )
    if (failure === undefined) counts.exchanges++
    else if (cutOff) counts.cut++
    else if (failure instanceof Refused) counts.refused++
    else throw failure
    for (const upstream of [main, spare])
      upstream.connections = upstream.connections.filter((peer) => !peer.socket.destroyed)
    if (random.chance(0.02)) await sleep(random.integer(500))
  }
}

/** The client asks for a stream and sends one; both are checked. */
async function exchange(random: Random, cutOff: boolean): Promise<void> {
  const toUpstream = randomPattern(random)
  const toClient = randomPattern(random)
  const client = await Peer.connect(daemon.addressOf(), { paused: true })
  const check = checkStream(client, toClient)
  client.resume()
  try {
    await client.write(Buffer.concat([requestBytes(toClient), requestBytes(toUpstream)]))
    if (cutOff) setTimeout(() => client.reset(), random.integer(30))
    await within('a stream to be sent', sendStream(client, toUpstream), TRANSFER_DEADLINE_MS)
    const ending = await within('a stream to arrive', client.ending, TRANSFER_DEADLINE_MS)
    if (ending !== 'fin')
      throw check.bytes === 0 ? new Refused(ending) : new Error(`ended with ${ending} after ${check.bytes} bytes`)
    check.assertComplete(toClient.bytes, 'to client')
    counts.bytes += toClient.bytes + toUpstream.bytes
  } catch (error) {
    if (check.difference !== undefined) throw new Error(check.difference, { cause: error })
    throw check.bytes === 0 && client.endingNow !== undefined ? new Refused(client.endingNow) : error
  } finally {
    client.destroy()
  }
}

function randomPattern(random: Random): Pattern {
  const bytes = random.chance(0.02)
    ? random.integer(50_000_000)
    : random.chance(0.3)
      ? random.integer(2_000_000)
      : random.integer(20_000)
  return {
    seed: 1 + random.integer(2 ** 31 - 2),
    bytes,
    pieceBytesMax: [1000, 65_536, 1_000_000][random.integer(3)],
    stall: random.chance(0.3) ? 0.1 : 0,
  }
}

function requestBytes(pattern: Pattern): Buffer {
  const request = Buffer.alloc(REQUEST_BYTES)
  request.writeUInt32BE(pattern.seed, 0)
  request.writeUInt32BE(pattern.bytes, 4)
  request.writeUInt32BE(pattern.pieceBytesMax, 8)
  request.writeUInt32BE(Math.round(pattern.stall * 1000), 12)
  return request
}

function patternOf(request: Buffer): Pattern {
  return {
    seed: request.readUInt32BE(0),
    bytes: request.readUInt32BE(4),
    pieceBytesMax: request.readUInt32BE(8),
    stall: request.readUInt32BE(12) / 1000,
  }
}

/** The upstream's side: sends what is asked for and checks what comes. A wrong byte ends the soak. */
function answer(server: Peer): void {
  let head = Buffer.alloc(0)
  server.onData = (chunk) => {
    head = Buffer.concat([head, chunk])
    if (head.length < 2 * REQUEST_BYTES) return
    const toUpstream = patternOf(head.subarray(REQUEST_BYTES))
    const check = checkStream(server, toUpstream)
    check.take(head.subarray(2 * REQUEST_BYTES))
    void sendStream(server, patternOf(head)).catch(() => server.destroy())
    void server.ending.then((ending) => {
      if (check.difference !== undefined) fail(check.difference)
      if (ending === 'fin' && check.bytes !== toUpstream.bytes)
        fail(`${check.bytes} of ${toUpstream.bytes} bytes came, then a clean end`)
      if (ending !== 'fin') server.destroy()
    })
  }
}

function fail(message: string): never {
  console.error(`soak FAILED (seed ${values.seed}): ${message}`)
  daemon.kill()
  process.exit(1)
}

/** The first upstream stops listening for a moment now and then: clients go to the spare. */
async function takeFirstUpstreamAway(): Promise<void> {
  const { host, port } = main.address
  while (performance.now() < endMs) {
    await sleep(5000)
    await main.stopListening()
    await sleep(2000)
    const { connections } = main
    main = await Upstream.listen({ host, port, onConnection: answer })
    main.connections = connections
  }
}

function report(): void {
  const memory = (daemon.residentBytes() / 1048576).toFixed(0)
  const gigabytes = (counts.bytes / 1e9).toFixed(2)
  const { exchanges, cut, refused } = counts
  console.log(
    `${gigabytes} GB in ${exchanges} exchanges, ${cut} cut off, ${refused} refused; daemon: ${memory} MiB, ${daemon.openFiles().length} files`,
  )
}

async function finish(): Promise<void> {
  main.close()
  spare.close()
  for (const peer of [...main.connections, ...spare.connections]) peer.destroy()
  await waitFor('all sockets to be closed', () => daemon.socketCount() <= socketsAtStart, 60_000)
  const grown = daemon.residentBytes() - settledBytes
  if (grown > GROWTH_BYTES_MAX) fail(`memory grew by ${grown} bytes after the first minute`)
  await daemon.stop()
  console.log('soak: passed')
  process.exit(0)
}
