/** The lines of the daemon's own life. `event` and the fields are a contract (docs/logs.md); sentences may get better. */
import type { HostnameEvent } from '../resolve/hostname-state.ts'
import type { Log } from './log.ts'

export interface ReadyFacts {
  readonly engine: string
  readonly workers: number
  readonly maxConnections: number
  readonly version: string
}

export function sayReady({ events }: Log, facts: ReadyFacts): void {
  const { engine, workers, maxConnections } = facts
  const sentence = `Ready: engine ${engine}, ${workers} workers, at most ${maxConnections} connections.`
  events.info({ event: 'ready', ...facts, pid: process.pid }, sentence)
}

export function sayListening({ events }: Log, service: string, address: string): void {
  events.info({ event: 'listening', service, address }, `Listening for ${service} on ${address}.`)
}

export function sayAdminListening({ events }: Log, address: string): void {
  events.info({ event: 'admin-listening', address }, `The admin API listens on http://${address}.`)
}

export function sayDraining({ events }: Log, by: string, connections: number, drainTimeoutMs: number): void {
  const sentence = `Stopping (${by}): no new clients; ${connections} connections may end within ${drainTimeoutMs} ms.`
  events.info({ event: 'draining', by, connections, drainTimeoutMs }, sentence)
}

export function sayStopped({ events }: Log, connectionsReset: number, exitCode: number): void {
  events.info({ event: 'stopped', connectionsReset, exitCode }, 'Tidegate has stopped.')
}

export function sayUncaught({ events }: Log, error: Error): void {
  const { message, stack } = error
  events.fatal({ event: 'uncaught-exception', stack }, `${message}. Tidegate stops; please report it.`)
}

export function sayHostnameEvent({ events }: Log, event: HostnameEvent): void {
  const { hostname } = event
  switch (event.kind) {
    case 'changed': {
      const { added, removed } = event
      events.info({ event: 'addresses-changed', hostname, added, removed }, `${hostname} has other addresses now.`)
      return
    }
    case 'lookup-failed': {
      const { reason, kept } = event
      const sentence = `${hostname} did not resolve; its last addresses stay in use.`
      events.warn({ event: 'lookup-failed', hostname, reason, kept }, sentence)
      return
    }
    case 'lookup-recovered':
      events.info({ event: 'lookup-recovered', hostname }, `${hostname} resolves again.`)
  }
}
