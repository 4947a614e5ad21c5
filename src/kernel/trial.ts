/**
 * Tries the kernel's calls that the linux engine stands on: a filter (seccomp), an emulated kernel or a limit can
 * take any of them away. Importing this loads native code; callers import it when they know that it can be.
 */
import { Epoll } from './epoll.ts'
import { IoRing, NOT_DONE } from './io-ring.ts'
import * as libc from './libc.ts'
import type { Fd } from './libc.ts'
import { PIPE_BYTES, PipePool, setPipeBytes } from './pipe-pool.ts'
import { nativeSocketAddress, SocketAddressSlot } from './socket-address.ts'
import { wake } from './wake.ts'

const TRIAL_BYTES = 4096
const DEADLINE_MS = 1000

/** Throws when an event doesn't come through an epoll set. */
export function tryEpoll(): void {
  const epoll = new Epoll()
  const eventFd = checked('eventfd', libc.eventfd(0, libc.EFD.nonblock | libc.EFD.cloexec))
  try {
    const error = epoll.add(eventFd, libc.EPOLL.in, 7)
    if (error !== 0) throw new Error(`epoll_ctl: ${libc.errnoName(error)}`)
    wake(eventFd)
    if (epoll.wait(DEADLINE_MS) !== 1 || epoll.key(0) !== 7) throw new Error('epoll_wait: the event did not come')
  } finally {
    libc.close(eventFd)
    epoll.close()
  }
}

/** Sends bytes over loopback TCP through a pipe and back; returns the size of pipe that the kernel gave. */
export function trySplice(): { readonly pipeBytes: number } {
  // Of any size: how large it is, is another finding.
  const pipe = new PipePool(1, (fd) => Math.max(setPipeBytes(fd), PIPE_BYTES)).take()
  if (pipe === undefined) throw new Error(`pipe2: ${libc.errnoName(libc.errno())}`)
  const open: Fd[] = [pipe.readFd, pipe.writeFd]
  try {
    const [client, server] = connectedPair(open)
    spliceThere(client, server, pipe.readFd, pipe.writeFd)
    return { pipeBytes: libc.fcntl(pipe.writeFd, libc.F_GETPIPE_SZ, 0) }
  } finally {
    for (const fd of open) libc.close(fd)
  }
}

/** Sends and receives over loopback TCP through a ring, as kernel/io-ring.ts is used by the relay. */
export function tryIoUring(): void {
  const ring = IoRing.open()
  if (!(ring instanceof IoRing)) throw new Error(ring)
  const open: Fd[] = []
  try {
    const [client, server] = connectedPair(open)
    const bytes = new Uint8Array(2 * TRIAL_BYTES).fill(0x54, 0, TRIAL_BYTES)
    const at = libc.addressOf(bytes)
    const submitted = (): number => {
      ring.submit()
      if (ring.refusal !== undefined) throw new Error(ring.refusal)
      return ring.result(0)
    }
    inFull('send by io_uring', (done) => {
      ring.putSend(client, at + done, TRIAL_BYTES - done)
      return submitted()
    })
    inFull('recv by io_uring', (done) => {
      ring.putRecv(server, at + TRIAL_BYTES + done, TRIAL_BYTES - done)
      return submitted()
    })
    if (bytes.some((byte) => byte !== 0x54)) throw new Error('io_uring: other bytes came out than went in')
  } finally {
    for (const fd of open) libc.close(fd)
    ring.close()
  }
}

/** Two ends of one loopback connection; every fd goes into `open`, whose owner closes them. */
function connectedPair(open: Fd[]): [client: Fd, server: Fd] {
  const owned = (call: string, result: number): Fd => {
    const fd = checked(call, result)
    open.push(fd)
    return fd
  }
  const type = libc.SOCK.stream | libc.SOCK.cloexec
  const listener = owned('socket', libc.socket(libc.AF.inet, type, 0))
  const any = nativeSocketAddress({ family: 4, address: '127.0.0.1', port: 0 })
  checked('bind', libc.bind(listener, any.at, any.bytes))
  checked('listen', libc.listen(listener, 1))
  const bound = new SocketAddressSlot()
  bound.reset()
  checked('getsockname', libc.getsockname(listener, bound.at, bound.lengthAt))
  const client = owned('socket', libc.socket(libc.AF.inet, type, 0))
  const target = nativeSocketAddress({ family: 4, address: '127.0.0.1', port: bound.port })
  checked('connect', libc.connect(client, target.at, target.bytes))
  const peer = new SocketAddressSlot()
  peer.reset()
  return [client, owned('accept4', libc.accept4(listener, peer.at, peer.lengthAt, libc.SOCK.cloexec))]
}

function spliceThere(client: Fd, server: Fd, pipeRead: Fd, pipeWrite: Fd): void {
  const sent = new Uint8Array(TRIAL_BYTES).fill(0x54)
  const received = new Uint8Array(TRIAL_BYTES)
  const flags = libc.SPLICE_F.move | libc.SPLICE_F.nonblock
  checked('send', libc.send(client, libc.addressOf(sent), TRIAL_BYTES, libc.MSG.nosignal))
  inFull('splice to a pipe', (done) => orErrno(libc.splice(server, 0, pipeWrite, 0, TRIAL_BYTES - done, flags)))
  inFull('splice from a pipe', (done) => orErrno(libc.splice(pipeRead, 0, server, 0, TRIAL_BYTES - done, flags)))
  const at = libc.addressOf(received)
  inFull('recv', (done) => orErrno(libc.recv(client, at + done, TRIAL_BYTES - done, libc.MSG.dontwait)))
  if (Buffer.compare(sent, received) !== 0) throw new Error('splice: other bytes came out than went in')
}

function orErrno(result: number): number {
  return result < 0 ? -libc.errno() : result
}

/** Repeats a call that moves up to what is left, while it would block. It gives the bytes it moved, or minus the errno. */
function inFull(call: string, move: (done: number) => number): void {
  const deadlineMs = performance.now() + DEADLINE_MS
  let done = 0
  while (done < TRIAL_BYTES) {
    const moved = move(done)
    if (moved > 0) done += moved
    else if (moved === 0) throw new Error(`${call}: the stream ended`)
    else if (moved !== -libc.E.EAGAIN && moved !== NOT_DONE) throw new Error(`${call}: ${libc.errnoName(-moved)}`)
    else if (performance.now() > deadlineMs) throw new Error(`${call}: no bytes within ${DEADLINE_MS} ms`)
  }
}

function checked(call: string, result: number): number {
  if (result < 0) throw new Error(`${call}: ${libc.errnoName(libc.errno())}`)
  return result
}
