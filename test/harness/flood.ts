/**
 * Many short connects through libc, in a process of its own: `node:net` would be slower than what it tests.
 * Each batch is connected first and then read to its end, so that the daemon sees bursts, as in an attack.
 */
import { Buffer } from 'node:buffer'
import { getSystemErrorName } from 'node:util'
import koffi from 'koffi'

const libc = koffi.load(null)
const socketCall = libc.func('int socket(int domain, int type, int protocol)')
const bindCall = libc.func('int bind(int fd, const uint8_t *address, uint32_t length)')
const connectCall = libc.func('int connect(int fd, const uint8_t *address, uint32_t length)')
const recvCall = libc.func('intptr_t recv(int fd, uint8_t *buffer, size_t length, int flags)')
const setsockoptCall = libc.func('int setsockopt(int fd, int level, int name, const uint8_t *value, uint32_t length)')
const closeCall = libc.func('int close(int fd)')

const [host, port, connects] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])]
const [batch, from] = [Number(process.argv[5]), process.argv[6]]

const target = socketAddress(host, port)
const source = from === undefined ? undefined : socketAddress(from, 0)

/** SO_RCVTIMEO of 20 s: a refusal that never comes is counted as EAGAIN. */
const receiveTimeout = Buffer.alloc(16)
receiveTimeout.writeBigInt64LE(20n, 0)

const buffer = Buffer.alloc(16)
const endings: Record<string, number> = {}

/** struct sockaddr_in */
function socketAddress(host: string, port: number): Buffer {
  const address = Buffer.alloc(16)
  address.writeUInt16LE(2, 0)
  address.writeUInt16BE(port, 2)
  Buffer.from(host.split('.').map(Number)).copy(address, 4)
  return address
}

function count(ending: string): void {
  endings[ending] = (endings[ending] ?? 0) + 1
}

/** A reset may already be there when connect returns. */
function countError(errno: number): void {
  const name = getSystemErrorName(-errno)
  count(name === 'ECONNRESET' ? 'reset' : name)
}

for (let done = 0; done < connects; done += batch) {
  const fds: number[] = []
  for (let i = done; i < Math.min(done + batch, connects); i++) {
    const fd = socketCall(2, 1, 0)
    if (fd < 0) throw new Error(`socket: ${getSystemErrorName(-koffi.errno())}`)
    setsockoptCall(fd, 1, 20, receiveTimeout, 16)
    if (source !== undefined && bindCall(fd, source, 16) !== 0) {
      throw new Error(`bind to ${from}: ${getSystemErrorName(-koffi.errno())}`)
    }
    if (connectCall(fd, target, 16) === 0) fds.push(fd)
    else {
      countError(koffi.errno())
      closeCall(fd)
    }
  }
  for (const fd of fds) {
    const got = Number(recvCall(fd, buffer, 16, 0))
    if (got > 0) count('bytes')
    else if (got === 0) count('closed')
    else countError(koffi.errno())
    closeCall(fd)
  }
}

process.stdout.write(JSON.stringify({ connects, endings }))
