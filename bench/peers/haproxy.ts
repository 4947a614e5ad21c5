/** HAProxy in mode tcp with splice, one thread, as a careful operator would set it up. */
import { LOOPBACK } from '../run/ports.ts'
import type { Header, Launch, Peer, Route } from './peer.ts'

const SERVER_OPTIONS: Record<Header, string> = {
  none: '',
  v1: ' send-proxy',
  v2: ' send-proxy-v2',
  'v2-tlvs': ' send-proxy-v2 proxy-v2-options crc32c,unique-id',
}

function launch(routes: readonly Route[], connectionLog: boolean): Launch {
  const config = `
global
  nbthread 1
  maxconn 7000
${connectionLog ? '  log stdout format raw local0 info' : ''}
defaults
  mode tcp
  option splice-auto
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

export const haproxy: Peer = { name: 'haproxy', needs: ['haproxy'], headers: ['none', 'v1', 'v2', 'v2-tlvs'], launch }
