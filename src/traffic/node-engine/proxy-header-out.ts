/** Part of step 5: the PROXY header an upstream gets before any byte of the client. */
import {
  ProxyHeaderSource,
  writeV1Header,
  WRITTEN_HEADER_BYTES_MAX,
  writeV2Header,
} from '../../lib/proxy-protocol/encode.ts'
import { readClientHello } from '../../lib/tls-client-hello.ts'
import { connectionId } from '../events.ts'
import type { Connection } from './connection.ts'
import { endpointOf } from './endpoint.ts'

/** Set anew for every header. */
const source = new ProxyHeaderSource()
const NO_BYTES = Buffer.alloc(0)
const scratch = new Uint8Array(WRITTEN_HEADER_BYTES_MAX)

/** Undefined in raw mode. `said` is what the client has sent already. */
export function proxyHeaderFor(connection: Connection, said: readonly Buffer[]): Buffer | undefined {
  const { mode, proxyHeader } = connection.service
  if (mode === 'raw') return undefined
  describe(connection)
  source.hello.serverNameBytes = 0
  source.hello.alpnBytes = 0
  if (mode === 'proxy-v2' && proxyHeader.tlsHello && said.length > 0) {
    source.helloBytes = said.length === 1 ? said[0] : Buffer.concat(said)
    readClientHello(source.helloBytes, 0, source.helloBytes.length, source.hello)
  }
  const length = mode === 'proxy-v1' ? writeV1Header(source, scratch, 0) : writeV2Header(source, scratch, 0)
  source.helloBytes = NO_BYTES
  return Buffer.from(scratch.subarray(0, length))
}

function describe(connection: Connection): void {
  const { client, clientEnd, service, worker, sequence } = connection
  const destinationEnd = connection.destinationEnd ?? endpointOf(client.localAddress, client.localPort)
  source.clientFamily = clientEnd.family
  source.clientAddress = clientEnd.address
  source.clientPort = clientEnd.port
  source.destinationFamily = destinationEnd.family
  source.destinationAddress = destinationEnd.address
  source.destinationPort = destinationEnd.port
  source.crc32c = service.proxyHeader.crc32c
  source.uniqueId = service.proxyHeader.uniqueId
    ? Buffer.from(connectionId(worker.start.bootId, worker.start.workerIndex, sequence), 'latin1')
    : undefined
}
