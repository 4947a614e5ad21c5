/** `node echo.ts PORT`: sends back what it gets, one thread, until it is killed. The upstream of the latency measure. */
import { accept, close, listenOn, makeNonBlocking, ReadySet, receive, send } from './libc.ts'

const BUFFER_BYTES = 16_384
const FOREVER_US = 3600e6

const listener = listenOn(Number(process.argv[2]))
const readySet = new ReadySet()
const buffer = new Uint8Array(BUFFER_BYTES)
readySet.add(listener)

for (;;) {
  const count = readySet.wait(FOREVER_US)
  for (let i = 0; i < count; i++) {
    const fd = readySet.ready(i)
    if (fd === listener) welcome(accept(listener))
    else answer(fd)
  }
}

function welcome(fd: number): void {
  makeNonBlocking(fd)
  readySet.add(fd)
}

function answer(fd: number): void {
  try {
    const received = receive(fd, buffer)
    if (received === 0) close(fd)
    if (received > 0) send(fd, buffer, received)
  } catch {
    // The client of this connection was killed between two messages; the others go on.
    close(fd)
  }
}
