/** Gives parsed values the names and the shape that the rest of the program works with, and their places in the file. */
import { dirname, resolve } from 'node:path'
import type { MakeWayRule } from '../../traffic/admit/make-way.ts'
import type { Outlier, SocketOptions } from '../../traffic/tables.ts'
import type { AdminConfig, Config, ServiceConfig } from './config.ts'
import type { ConfigSource } from './config-tree.ts'
import { makeActiveCheck } from './make-active-check.ts'
import { makeNetworkRulesConfig } from './make-network-rules.ts'
import { makeNotify } from './make-notify.ts'
import { makeNodeProtect } from './make-node-protect.ts'
import { makeSourceRulesConfig } from './make-source-limits.ts'
import { makeWireRules } from './make-wire-rules.ts'
import { OUTLIER_FAILURES } from './outlier-schema.ts'
import type { ParsedConfig, ParsedService } from './schema.ts'
import type { SocketSide } from './socket-schema.ts'

export function makeConfig(parsed: ParsedConfig, source: ConfigSource): Config {
  const { workers, engine, ioUring, maxConnections, drainTimeout, upgradeDrainTimeout } = parsed.traffic
  return {
    admin: makeAdmin(parsed.admin, dirname(source.file)),
    traffic: {
      workers,
      engine,
      ioUring,
      maxConnections,
      drainTimeoutMs: drainTimeout,
      upgradeDrainTimeoutMs: upgradeDrainTimeout,
    },
    log: parsed.log,
    protect: makeNodeProtect(parsed.protect, source),
    notify: makeNotify(parsed.notify, source),
    services: parsed.services.map((service, i) => makeService(service, i, source)),
  }
}

function makeAdmin({ tls, ...admin }: ParsedConfig['admin'], folder: string): AdminConfig {
  const files = tls && { certificate: resolve(folder, tls.certificate), key: resolve(folder, tls.key) }
  return { ...admin, stateDir: resolve(folder, admin.stateDir), tls: files }
}

function makeService(service: ParsedService, index: number, source: ConfigSource): ServiceConfig {
  const path = ['services', index]
  const { client, upstream, ...both } = service.socket
  return {
    name: service.name,
    listen: service.listen.map((listen, i) => ({ ...listen, at: source.place([...path, 'listen', i]) })),
    enabled: service.enabled,
    mode: service.mode,
    upstreams: service.upstreams.map(({ address, name, weight, backup, maxConnections, check }, i) => ({
      name: name ?? address.text,
      text: address.text,
      host: address.host,
      port: address.port,
      hostIsIp: address.hostIsIp,
      weight,
      backup,
      maxConnections: maxConnections === 'off' ? 0 : maxConnections,
      checkUrl: check?.url,
      at: source.place([...path, 'upstreams', i, 'address']),
    })),
    balance: service.balance,
    slowStartMs: service.slowStart,
    affinity: service.affinity && { ttlMs: service.affinity.ttl, clientsMax: service.affinity.max },
    maxConnections: service.maxConnections === 'off' ? 0 : service.maxConnections,
    whenAllDown: service.whenAllDown,
    onDown: service.onDown,
    queue: { max: service.queue.max, timeoutMs: service.queue.timeout, perClient: service.queue.perClient },
    outlier: makeOutlier(service),
    onFailure: service.onFailure,
    connectTimeoutMs: service.connectTimeout,
    hedgeAfterMs: service.hedgeAfter,
    idleTimeoutMs: service.idleTimeout,
    halfClosedTimeoutMs: service.halfClosedTimeout,
    maxLifetimeMs: service.maxLifetime,
    retryFailedAfterMs: service.retryFailedAfter,
    sourceAddresses: service.sourceAddresses,
    proxyHeader: service.proxyHeader,
    acceptProxyFrom: service.acceptProxyFrom,
    clientSocket: socketOptions(both, client),
    upstreamSocket: socketOptions(both, upstream),
    protect: {
      refuse: service.protect.refuse,
      makeWay: makeMakeWay(service.protect),
      ...makeSourceRulesConfig(service.protect),
      ...makeNetworkRulesConfig(service.protect),
      ...makeWireRules(service.protect),
    },
    check: service.check === undefined ? undefined : makeActiveCheck(service.check, source.file),
    at: source.place(path),
  }
}

function makeMakeWay({ makeWay: { rule, after, greeted } }: ParsedService['protect']): MakeWayRule {
  return { rule, afterMs: after, greeted }
}

function makeOutlier({ outlier, retryFailedAfter }: ParsedService): Outlier {
  const failures = outlier.failures ?? (retryFailedAfter === 0 ? 'off' : OUTLIER_FAILURES)
  return {
    failures: failures === 'off' ? 0 : failures,
    ejectForMs: outlier.ejectFor,
    ejectForMsMax: outlier.ejectForMax,
    ejectedPercentMax: outlier.maxEjected,
  }
}

/** One side's options: its own where it has the key, even if that says `auto`, else those for both. */
function socketOptions(both: SocketSide, side: SocketSide): SocketOptions {
  const chosen: SocketSide = { ...both, ...side }
  const options = {
    receiveBufferBytes: chosen.receiveBuffer,
    sendBufferBytes: chosen.sendBuffer,
    windowClampBytes: chosen.windowClamp,
    maxSegmentBytes: chosen.maxSegment,
    notSentLowWaterBytes: chosen.notSentLowWater,
    congestionControl: chosen.congestionControl,
    keepAliveMs: chosen.keepAlive,
    userTimeoutMs: chosen.userTimeout,
  }
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}
