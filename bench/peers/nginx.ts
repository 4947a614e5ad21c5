/** nginx stream, one worker. It speaks PROXY protocol v1 only. */
import { LOOPBACK } from '../run/ports.ts'
import { loadStreamModule, userLine } from './nginx-build.ts'
import type { Launch, Peer, Route } from './peer.ts'

function launch(routes: readonly Route[], connectionLog: boolean): Launch {
  const config = `
${loadStreamModule()}
${userLine()}
daemon off;
worker_processes 1;
pid nginx-stream.pid;
error_log stderr error;
events { worker_connections 16384; }
stream {
  log_format connection '$remote_addr:$remote_port $time_iso8601 $status $bytes_sent $bytes_received $session_time $upstream_addr $upstream_connect_time $upstream_first_byte_time';
  access_log ${connectionLog ? '/dev/stdout connection' : 'off'};
  proxy_connect_timeout 5s;
  proxy_timeout 1h;
${routes.map(section).join('\n')}
}
`
  return { configName: 'nginx-stream.conf', config, command: (path) => ['nginx', '-p', '.', '-c', path] }
}

function section({ listenPort, upstreamPort, header }: Route): string {
  const proxyProtocol = header === 'v1' ? ' proxy_protocol on;' : ''
  return `  server { listen ${LOOPBACK}:${listenPort}; proxy_pass ${LOOPBACK}:${upstreamPort};${proxyProtocol} }`
}

export const nginx: Peer = { name: 'nginx', needs: ['nginx'], headers: ['none', 'v1'], launch }
