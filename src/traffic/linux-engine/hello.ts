/**
 * Step 3 of 6, after admit, before dial, only where `acceptProxyFrom` names the client's network: nothing is done before a
 * whole and valid PROXY header is there, and its address becomes the client's. From all others it is never looked for.
 */
import { E, errno, recv } from '../../kernel/libc.ts'
import { networkContains } from '../../lib/ip.ts'
import { DECODED_HEADER_BYTES_MAX, decodeProxyHeader } from '../../lib/proxy-protocol/decode.ts'
import type { ProxyHeader } from '../../lib/proxy-protocol/decoded.ts'
import { ADMITTED } from '../admit/admission.ts'
import type { Source } from '../admit/admission.ts'
import type { Service } from '../tables.ts'
import { addressAt, FLAG, STAGE } from './connection.ts'
import type { Connection } from './connection.ts'
import { countBytes, endRefused, endWithReset } from './end.ts'
import { dialWhenDue } from './first-byte.ts'
import { firstLookMs } from './first-look.ts'
import type { Loop } from './loop.ts'
import { endLeaver } from './silent-halves.ts'
import { noteSourcePlaces } from './source-places.ts'
import { register } from './watch.ts'

export function mustSayProxyHeader(service: Service, { addressBytes, addressAt, family }: Source): boolean {
  const networks = service.acceptProxyFrom
  for (let i = 0; i < networks.length; i++) {
    const network = networks[i]
    if (network.family !== family) continue
    if (networkContains(network, addressBytes, addressAt)) return true
  }
  return false
}

/** Begins to wait for the header; often it is there already. */
export function expectHeader(loop: Loop, connection: Connection): void {
  connection.stage = STAGE.hello
  const spill = loop.spills.take(DECODED_HEADER_BYTES_MAX)
  if (spill === undefined) return endWithReset(loop, connection, 'out-of-memory')
  connection.client.spill = spill
  readHeader(loop, connection)
  const { client } = connection
  if (connection.stage !== STAGE.hello || client.has(FLAG.inEpoll)) return
  if (register(loop, client, false) !== 0) endWithReset(loop, connection, 'out-of-memory')
}

/** Reads until the header is whole, wrong, or not there yet. */
export function readHeader(loop: Loop, connection: Connection): void {
  const { client } = connection
  while (connection.stage === STAGE.hello && client.spill !== null) {
    const spill = client.spill
    const bytes = recv(client.fd, spill.at + spill.end, DECODED_HEADER_BYTES_MAX - spill.end, 0)
    if (bytes <= 0) return noteNothingRead(loop, connection, bytes === 0 ? 0 : errno())
    spill.end += bytes
    const decoded = decodeProxyHeader(spill.bytes, 0, spill.end)
    if (decoded.kind === 'invalid') return refuse(loop, connection)
    if (decoded.kind === 'header') return accept(loop, connection, decoded)
  }
}

function noteNothingRead(loop: Loop, connection: Connection, code: number): void {
  if (code === E.EAGAIN || code === E.EINTR) return
  const hasBegun = connection.client.spill !== null && connection.client.spill.end > 0
  dropHeader(loop, connection)
  endWithReset(loop, connection, hasBegun && code === 0 ? 'proxy-header-invalid' : 'client-left')
}

function refuse(loop: Loop, connection: Connection): void {
  dropHeader(loop, connection)
  endWithReset(loop, connection, 'proxy-header-invalid')
}

export function headerTimedOut(loop: Loop, connection: Connection): void {
  dropHeader(loop, connection)
  endWithReset(loop, connection, 'proxy-header-timeout')
}

/** What was read of a header are no bytes for the upstream. */
function dropHeader(loop: Loop, connection: Connection): void {
  const { client } = connection
  if (client.spill === null) return
  loop.spills.giveBack(client.spill)
  client.spill = null
}

/** The socket's own address was judged at accept; its limits are not for a proxy that speaks for many. */
function judgeHeaderAddress(loop: Loop, connection: Connection): number {
  const { service } = connection.plan
  const { admission, source } = loop
  source.addressBytes = loop.pool.clientAddresses
  source.addressAt = addressAt(connection)
  source.family = connection.clientFamily
  const code = judgeSource(loop, service)
  if (code === ADMITTED) {
    noteSourcePlaces(loop, connection)
    endLeaver(loop)
  }
  admission.noteNewcomer(service, source, code !== ADMITTED)
  return code
}

function judgeSource({ admission, places, source, nowMs }: Loop, service: Service): number {
  const listed = admission.judgeAddress(service, source, nowMs)
  const located = listed === ADMITTED ? admission.judgeNetwork(service) : listed
  if (located !== ADMITTED) return located
  const placed = places.judgeNamed(service, source, admission.isAllowed, nowMs)
  if (placed !== ADMITTED) return placed
  const counted = admission.takeSourcePlaces(service, source, nowMs)
  if (counted !== ADMITTED) places.spareLeaver()
  return counted
}

function accept(loop: Loop, connection: Connection, header: ProxyHeader): void {
  const { client } = connection
  const spill = client.spill
  if (spill === null) return
  spill.start = header.headerBytes
  if (spill.start === spill.end) dropHeader(loop, connection)
  else countBytes(loop, client, spill.end - spill.start)
  if (header.addresses !== undefined) {
    const { source, destination } = header.addresses
    connection.clientFamily = source.family
    connection.clientPort = source.port
    loop.pool.clientAddresses.set(source.address, addressAt(connection))
    connection.destination = destination
    const code = judgeHeaderAddress(loop, connection)
    if (code !== ADMITTED) return endRefused(loop, connection, code)
  }
  loop.wheel.schedule(connection, firstLookMs(loop, connection.plan.service))
  dialWhenDue(loop, connection)
}
