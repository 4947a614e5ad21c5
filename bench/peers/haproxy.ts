/**
 * HAProxy in mode tcp, one thread. `option splice-auto` is what operators set and what issue 2 asks for, but its
 * guess may be not to splice at all. For bulk there is a second one that always splices, through large pipes:
 * HAProxy at its best.
 */
import { LOOPBACK } from '../run/ports.ts'
import type { Header, Launch, Peer, Route } from './peer.ts'

const SERVER_OPTIONS: Record<Header, string> = {
  none: '',
  v1: ' send-proxy',
  v2: ' send-proxy-v2',
  'v2-tlvs': ' send-proxy-v2 proxy-v2-options crc32c,unique-id',
}

interface Splicing {
  readonly global: string
  readonly defaults: string
}

const AUTO: Splicing = { global: '', defaults: 'option splice-auto' }
/** Pipes of 512 KiB against the default 64 KiB: a third of the CPU less for a gigabyte. */
const ALWAYS: Splicing = {
  global: 'tune.pipesize 524288',
  defaults: 'option splice-request\n  option splice-response',
}

function launchWith(splicing: Splicing, routes: readonly Route[], connectionLog: boolean): Launch {
  const config = `
global
  nbthread 1
  maxconn 7000
  ${splicing.global}
${connectionLog ? '  log stdout format raw local0 info' : ''}
defaults
  mode tcp
  ${splicing.defaults}
  timeout connect 5s
  timeout client 1h
  timeout server 1h
${connectionLog ? '  log global\n  option tcplog' : ''}
${routes.map(section).join('\n')}
`
  return { configName: 'haproxy.cfg', config, command: (path) => ['haproxy', '-db', '-f', path] }
}

function section({ listenPort, upstreamPort, header }: Route): string {
  // The format of HAProxy's manual: addresses, time, counter and process make the id unique.
  const uniqueId = header === 'v2-tlvs' ? '\n  unique-id-format %{+X}o\\ %ci:%cp_%fi:%fp_%Ts_%rt:%pid' : ''
  return `listen port-${listenPort}
  bind ${LOOPBACK}:${listenPort}${uniqueId}
  server upstream ${LOOPBACK}:${upstreamPort}${SERVER_OPTIONS[header]}
`
}

export const haproxy: Peer = {
  name: 'haproxy',
  needs: ['haproxy'],
  headers: ['none', 'v1', 'v2', 'v2-tlvs'],
  launch: (routes, connectionLog) => launchWith(AUTO, routes, connectionLog),
}

export const haproxySplice: Peer = {
  name: 'haproxy-splice',
  needs: ['haproxy'],
  headers: ['none'],
  onlyIn: ['bulk'],
  launch: (routes, connectionLog) => launchWith(ALWAYS, routes, connectionLog),
}
