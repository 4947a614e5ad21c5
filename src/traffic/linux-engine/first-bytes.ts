/**
 * Between dial and relay: the upstream is connected. The PROXY header is the first thing it gets, in one segment with
 * what the client has said already, and at once when the client has said nothing: the upstream may be the one to speak first.
 */
import { getsockname } from '../../kernel/libc.ts'
import { connectionId } from '../events.ts'
import { writeV1Header, writeV2Header, WRITTEN_HEADER_BYTES_MAX } from '../../lib/proxy-protocol/encode.ts'
import { readClientHello } from '../../lib/tls-client-hello.ts'
import { addressAt, FLAG, NUMBER, NUMBERS, STAGE } from './connection.ts'
import type { Connection } from './connection.ts'
import { COPY_BYTES, readInto, sendOrSpill } from './copy.ts'
import { endWithReset, uncountBytes } from './end.ts'
import { firstLookMs } from './first-look.ts'
import type { Loop } from './loop.ts'
import { pump } from './relay.ts'
import { registerClient } from './watch.ts'

/** Where the client's first bytes stand in `loop.buffer`, with room for any header before them. */
const SAID_AT = WRITTEN_HEADER_BYTES_MAX

export function beginRelay(loop: Loop, connection: Connection): void {
  const { client, upstream, plan } = connection
  connection.stage = STAGE.relay
  loop.pool.numbers[connection.slot * NUMBERS + NUMBER.activeMs] = loop.nowMs
  loop.wheel.schedule(connection, firstLookMs(loop, plan.service))
  if (plan.service.mode !== 'raw') sendHeader(loop, connection)
  // The client may have spoken while we dialled; its event is not waited for.
  client.flags |= FLAG.readable
  pump(loop, client)
  // The event that told of the connect may have told of the upstream's first bytes too; they are told once.
  if (connection.stage === STAGE.relay && upstream.has(FLAG.readable)) pump(loop, upstream)
  if (connection.stage !== STAGE.relay || client.has(FLAG.inEpoll)) return
  if (registerClient(loop, client) !== 0) endWithReset(loop, connection, 'out-of-memory')
}

function sendHeader(loop: Loop, connection: Connection): void {
  const { client } = connection
  // The client's bytes first: the header, which goes before them, may tell of what they say.
  const saidBytes = client.spill === null ? readFirst(loop, connection, SAID_AT) : takeSpill(loop, connection, SAID_AT)
  const headerBytes = writeHeader(loop, connection, saidBytes)
  const headerAt = SAID_AT - headerBytes
  loop.buffer.copyWithin(headerAt, 0, headerBytes)
  // A fresh socket takes this much at once; the header is not among the client's bytes, whatever becomes of it.
  sendOrSpill(loop, client, headerAt, headerBytes + saidBytes)
  if (client.spill !== null || connection.upstream.has(FLAG.failed)) uncountBytes(loop, client, -headerBytes)
}

function readFirst(loop: Loop, connection: Connection, offset: number): number {
  return loop.spills.canHold() ? readInto(loop, connection.client, offset, COPY_BYTES) : 0
}

/** What came behind the client's own PROXY header. */
function takeSpill(loop: Loop, connection: Connection, offset: number): number {
  const { client } = connection
  const spill = client.spill
  if (spill === null) return 0
  const bytes = spill.end - spill.start
  loop.buffer.set(spill.bytes.subarray(spill.start, spill.end), offset)
  loop.spills.giveBack(spill)
  client.spill = null
  return bytes
}

/** Writes to the beginning of `loop.buffer`; what the client has said stands at SAID_AT. */
function writeHeader(loop: Loop, connection: Connection, saidBytes: number): number {
  const source = loop.proxyHeader
  const { proxyHeader, mode } = connection.plan.service
  source.clientFamily = connection.clientFamily
  source.clientAddress = loop.pool.clientAddresses
  source.clientAddressOffset = addressAt(connection)
  source.clientPort = connection.clientPort
  writeDestination(loop, connection)
  if (mode === 'proxy-v1') return writeV1Header(source, loop.buffer, 0)
  source.crc32c = proxyHeader.crc32c
  source.hello.serverNameBytes = 0
  source.hello.alpnBytes = 0
  source.helloBytes = loop.buffer
  if (proxyHeader.tlsHello) readClientHello(loop.buffer, SAID_AT, SAID_AT + saidBytes, source.hello)
  source.uniqueId = proxyHeader.uniqueId ? uniqueId(loop, connection) : undefined
  return writeV2Header(source, loop.buffer, 0)
}

/** Our own end of the client's connection, or what its PROXY header said. */
function writeDestination(loop: Loop, connection: Connection): void {
  const source = loop.proxyHeader
  const { destination } = connection
  if (destination !== null) {
    source.destinationFamily = destination.family
    source.destinationAddress = destination.address
    source.destinationAddressOffset = 0
    source.destinationPort = destination.port
    return
  }
  const local = loop.localAddress
  local.reset()
  // Can't fail on a socket of ours; the slot would keep the address of the connection before.
  getsockname(connection.client.fd, local.at, local.lengthAt)
  source.destinationFamily = local.ipFamily
  source.destinationAddress = local.bytes
  source.destinationAddressOffset = local.ipAt
  source.destinationPort = local.port
}

const ID_BYTES = 24
const id = new Uint8Array(ID_BYTES)

/** The connection's id as it stands in our log, in ASCII. */
function uniqueId(loop: Loop, connection: Connection): Uint8Array {
  const { bootId, workerIndex } = loop.start
  const sequence = loop.pool.numbers[connection.slot * NUMBERS + NUMBER.sequence]
  const text = connectionId(bootId, workerIndex, sequence)
  for (let i = 0; i < ID_BYTES; i++) id[i] = text.charCodeAt(i)
  return id
}
