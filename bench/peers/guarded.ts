/**
 * The three proxies as somebody sets them up who knows them and expects attacks: the same thresholds, as far as each
 * can be told of them. README.md says what each has no word for.
 */
import { LOOPBACK } from '../run/ports.ts'
import { loadStreamModule, userLine } from './nginx-build.ts'
import type { Launch, PeerName } from './peer.ts'
import { PROGRAM } from './tidegate.ts'

/** Connections that a proxy takes at once; attacks hold more where nobody ends them. */
export const CONNECTIONS_MAX = 1000
const PER_ADDRESS = 20
const PER_ADDRESS_A_SECOND = 20
/** Twenty prefixes together have room, and leave some. */
const PER_PREFIX = 40
const FIRST_BYTE_SECONDS = 2
/** What most leave for connections that are idle between two requests. */
const IDLE_SECONDS = 60

export interface GuardedRoute {
  readonly listenPort: number
  readonly upstreamPort: number
}

export interface GuardedPeer {
  readonly name: PeerName
  readonly needs: readonly string[]
  readonly launch: (route: GuardedRoute) => Launch
}

const haproxy: GuardedPeer = {
  name: 'haproxy',
  needs: ['haproxy'],
  launch: ({ listenPort, upstreamPort }) => ({
    configName: 'haproxy-guarded.cfg',
    config: `
global
  nbthread 1
  maxconn ${CONNECTIONS_MAX}
defaults
  mode tcp
  option splice-auto
  timeout connect 5s
  timeout client ${IDLE_SECONDS}s
  timeout server ${IDLE_SECONDS}s
backend prefixes
  stick-table type ip size 100k expire 1m store conn_cur
listen guarded
  bind ${LOOPBACK}:${listenPort}
  stick-table type ip size 100k expire 1m store conn_cur,conn_rate(1s)
  tcp-request connection track-sc0 src
  tcp-request connection track-sc1 src,ipmask(24) table prefixes
  tcp-request connection reject if { sc0_conn_cur gt ${PER_ADDRESS} } or { sc0_conn_rate gt ${PER_ADDRESS_A_SECOND} }
  tcp-request connection reject if { sc1_conn_cur gt ${PER_PREFIX} }
  tcp-request inspect-delay ${FIRST_BYTE_SECONDS}s
  tcp-request content accept if { req.len gt 0 }
  tcp-request content reject
  server upstream ${LOOPBACK}:${upstreamPort}
`,
    command: (path) => ['haproxy', '-db', '-f', path],
  }),
}

/** A client is two connections to a worker of nginx: its own, and that to the upstream. */
const nginx: GuardedPeer = {
  name: 'nginx',
  needs: ['nginx'],
  launch: ({ listenPort, upstreamPort }) => ({
    configName: 'nginx-guarded.conf',
    config: `
${loadStreamModule()}
${userLine()}
daemon off;
worker_processes 1;
pid nginx-guarded-${listenPort}.pid;
error_log stderr crit;
events { worker_connections ${2 * CONNECTIONS_MAX + 8}; }
stream {
  access_log off;
  map $remote_addr $prefix { "~^(?<net>[0-9]+\\.[0-9]+\\.[0-9]+)\\." $net; }
  limit_conn_zone $binary_remote_addr zone=addresses:10m;
  limit_conn_zone $prefix zone=prefixes:10m;
  proxy_connect_timeout 5s;
  proxy_timeout ${IDLE_SECONDS}s;
  server {
    listen ${LOOPBACK}:${listenPort};
    limit_conn addresses ${PER_ADDRESS};
    limit_conn prefixes ${PER_PREFIX};
    proxy_pass ${LOOPBACK}:${upstreamPort};
  }
}
`,
    command: (path) => ['nginx', '-p', '.', '-c', path],
  }),
}

const tidegate: GuardedPeer = {
  name: 'tidegate',
  needs: [PROGRAM],
  launch: ({ listenPort, upstreamPort }) => ({
    configName: 'tidegate-guarded.yaml',
    config: `
admin: { listen: off }
traffic: { workers: 1, engine: linux, maxConnections: ${CONNECTIONS_MAX} }
log: { connections: none }
protect:
  allow: []
  bans: { strikes: 1, ttl: 10m }
services:
  - name: guarded
    listen: [ "${LOOPBACK}:${listenPort}" ]
    mode: raw
    upstreams: [ "${LOOPBACK}:${upstreamPort}" ]
    idleTimeout: ${IDLE_SECONDS}s
    protect:
      perAddress: { rule: on, connections: ${PER_ADDRESS}, rate: ${PER_ADDRESS_A_SECOND}/s, burst: ${PER_ADDRESS_A_SECOND} }
      perPrefix: { rule: on, connections: ${PER_PREFIX}, rate: off }
      dialOn: first-byte
      firstByteTimeout: ${FIRST_BYTE_SECONDS}s
      slowSend: { rule: on, bytes: 1KiB, within: 2s }
      slowRead: { rule: on, bytes: 16KiB, within: 2s }
      tinySegments: { rule: on, perSecond: 200, smallerThan: 64, within: 2s }
`,
    command: (path) => [PROGRAM, 'run', '-c', path],
  }),
}

export const GUARDED_PEERS: readonly GuardedPeer[] = [haproxy, nginx, tidegate]
