/** The lines of the daemon's own life. `event` and the fields are a contract (docs/log-events.md); sentences may get better. */
import { hedgesInVain } from '../config/check-hedging.ts'
import type { Config } from '../config/config.ts'
import type { Tables } from '../../traffic/tables.ts'
import { listenerText } from '../listener-text.ts'
import type { NodeView } from '../node-view.ts'
import type { HostnameEvent } from '../resolve/hostname-state.ts'
import type { Log } from './log.ts'

export function sayReady(log: Log, { engine, version, memory, limits }: NodeView): void {
  const workers = memory.workers.length
  const maxConnections = limits.connectionsMax
  const sentence = `Ready: engine ${engine}, ${workers} workers, at most ${maxConnections} connections.`
  log.say('ready', { engine, workers, maxConnections, version, pid: process.pid }, sentence)
}

/** Each listener that was not there, or that another service had. */
export function sayNewListeners(log: Log, before: Tables | undefined, tables: Tables): void {
  for (const { name: service, index, listeners } of tables.services) {
    const known = before?.services.find((one) => one.index === index)?.listeners
    for (const listener of listeners) {
      if (known?.some((one) => one.index === listener.index)) continue
      sayListening(log, service, listenerText(listener))
    }
  }
}

export function sayListening(log: Log, service: string, address: string): void {
  log.say('listening', { service, address }, `Listening for ${service} on ${address}.`)
}

export function sayHedgingInVain(log: Log, config: Config): void {
  for (const { service, sentence } of hedgesInVain(config)) log.say('hedging-in-vain', { service }, sentence)
}

export function sayAdminListening(log: Log, address: string, isOverTls: boolean): void {
  const url = `${isOverTls ? 'https' : 'http'}://${address}`
  log.say('admin-listening', { address, url }, `The admin API listens on ${url}.`)
}

export function sayAdminExposed(log: Log, address: string): void {
  const sentence = `The admin API on ${address} can be reached from other machines, and is not encrypted: whoever is on the way reads tokens. Keep it on 127.0.0.1, or behind a firewall.`
  log.say('admin-exposed', { address }, sentence)
}

export function sayDraining(log: Log, by: string, connections: number, drainTimeoutMs: number): void {
  const sentence = `Stopping (${by}): no new clients; ${connections} connections may end within ${drainTimeoutMs} ms.`
  log.say('draining', { by, connections, drainTimeoutMs }, sentence)
}

export function sayStopped(log: Log, connectionsReset: number, exitCode: number): void {
  log.say('stopped', { connectionsReset, exitCode }, 'Tidegate has stopped.')
}

export function sayUncaught(log: Log, error: Error): void {
  const { message, stack } = error
  log.say('uncaught-exception', { stack }, `${message}. Tidegate stops; please report it.`)
}

export function sayHostnameEvent(log: Log, event: HostnameEvent): void {
  const { hostname } = event
  switch (event.kind) {
    case 'changed': {
      const { added, removed } = event
      log.say('addresses-changed', { hostname, added, removed }, `${hostname} has other addresses now.`)
      return
    }
    case 'lookup-failed': {
      const { reason, kept } = event
      const sentence = `${hostname} did not resolve; its last addresses stay in use.`
      log.say('lookup-failed', { hostname, reason, kept }, sentence)
      return
    }
    case 'lookup-recovered':
      log.say('lookup-recovered', { hostname }, `${hostname} resolves again.`)
  }
}
