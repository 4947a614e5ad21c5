/**
 * `node answering.ts [HOST]`, with a message channel: the upstream of attacks. A request is a line that ends in
 * a number, the answer so many bytes, and a connection may ask again. Whoever never ends its line is never answered, as by most
 * servers. One epoll loop, so that it is not what fails first. Says its port; runs until it is killed.
 */
import {
  close,
  errnoName,
  listenOn,
  localPort,
  makeNonBlocking,
  ReadySet,
  receiveOrErrno,
  sendOrErrno,
  tryAccept,
} from './libc.ts'

export interface AnsweringMessage {
  readonly port: number
}

const FOREVER_US = 3600e6
const LINE_END = 10
const DIGIT_0 = 48
const DIGIT_9 = 57
const ANSWER_BYTES_MAX = 100_000_000
const PIECE = new Uint8Array(256 * 1024).fill(0x61)
const EAGAIN = 'EAGAIN'

/** A connection: the number it is about to say, and the bytes it is still to get. */
interface Asking {
  number: number
  owedBytes: number
}

const listener = listenOn(0, process.argv[2])
const readySet = new ReadySet()
const buffer = new Uint8Array(16_384)
const asking = new Map<number, Asking>()
makeNonBlocking(listener)
readySet.add(listener)
process.send?.({ port: localPort(listener) } satisfies AnsweringMessage, undefined, undefined, serve)

function serve(): void {
  for (;;) {
    const count = readySet.wait(FOREVER_US)
    for (let i = 0; i < count; i++) {
      const fd = readySet.ready(i)
      if (fd === listener) welcome()
      else onReady(fd)
    }
  }
}

function welcome(): void {
  for (let fd = tryAccept(listener); fd >= 0; fd = tryAccept(listener)) {
    asking.set(fd, { number: 0, owedBytes: 0 })
    readySet.addEdges(fd)
  }
}

function onReady(fd: number): void {
  const one = asking.get(fd)
  if (one === undefined) return
  let received = receiveOrErrno(fd, buffer)
  for (; received > 0; received = receiveOrErrno(fd, buffer)) hear(one, received)
  if (received === 0 || errnoName(received) !== EAGAIN || !say(fd, one)) {
    asking.delete(fd)
    close(fd)
  }
}

function hear(one: Asking, bytes: number): void {
  for (let i = 0; i < bytes; i++) {
    if (buffer[i] === LINE_END) {
      one.owedBytes += one.number
      one.number = 0
    } else if (buffer[i] >= DIGIT_0 && buffer[i] <= DIGIT_9) {
      one.number = Math.min(ANSWER_BYTES_MAX, one.number * 10 + buffer[i] - DIGIT_0)
    } else one.number = 0
  }
}

/** False when the connection has failed. */
function say(fd: number, one: Asking): boolean {
  while (one.owedBytes > 0) {
    const sent = sendOrErrno(fd, PIECE, Math.min(PIECE.length, one.owedBytes))
    if (sent < 0) return errnoName(sent) === EAGAIN
    one.owedBytes -= sent
  }
  return true
}
