/** Free ports on loopback, and waiting until somebody listens on one. */
import { connect, createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { BenchFailure } from './failure.ts'
import type { Running } from './processes.ts'

export const LOOPBACK = '127.0.0.1'

/** Below the range clients' ports are drawn from (32768 and up), so that no load can take a listener's port. */
const FIRST_PORT = 18_000
const LAST_PORT = 30_000
/** A machine that has other things to do takes its time; it only says when to give up. */
const READY_WITHIN_MS = 60_000

let nextPort = FIRST_PORT

export async function freePort(): Promise<number> {
  while (nextPort < LAST_PORT) {
    const port = nextPort++
    if (await canListen(port)) return port
  }
  throw new BenchFailure(`No free port between ${FIRST_PORT} and ${LAST_PORT} on ${LOOPBACK}`)
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, LOOPBACK, () => server.close(() => resolve(true)))
  })
}

/** Resolves when `port` takes connections; fails with the process's last words when it ends first. */
export async function untilListening(port: number, by: Running, host = LOOPBACK): Promise<void> {
  const deadline = performance.now() + READY_WITHIN_MS
  while (performance.now() < deadline) {
    if (by.ended()) throw new BenchFailure(`${by.label} ended while starting:\n${by.output()}`)
    if (await canConnect(port, host)) return
    await sleep(50)
  }
  throw new BenchFailure(
    `${by.label} did not listen on port ${port} within ${READY_WITHIN_MS / 1000} s:\n${by.output()}`,
  )
}

function canConnect(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, host)
    socket.once('error', () => resolve(false))
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
  })
}
