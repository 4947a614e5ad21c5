/** The proxies with the same addresses banned, each in the way it has for many of them. */
import { loadStreamModule, userLine } from './nginx-build.ts'
import { LOOPBACK } from '../run/ports.ts'
import type { PeerName } from './peer.ts'
import { PROGRAM } from './tidegate.ts'

export interface BanningRoute {
  readonly listenHost: string
  readonly listenPort: number
  readonly upstreamPort: number
  /** IPv4. */
  readonly banned: readonly string[]
}

export interface BanningPeer {
  readonly name: string
  readonly peer: PeerName
  readonly needs: readonly string[]
  /** The table of nftables that holds the bans. */
  readonly table?: string
  /** By their paths within the folder it is started in. */
  readonly files: (route: BanningRoute) => Readonly<Record<string, string>>
  readonly command: readonly string[]
}

const lines = (items: readonly string[]): string => items.map((item) => `${item}\n`).join('')

const haproxy: BanningPeer = {
  name: 'haproxy',
  peer: 'haproxy',
  needs: ['haproxy'],
  files: ({ listenHost, listenPort, upstreamPort, banned }) => ({
    'banned.lst': lines(banned),
    'haproxy.cfg': `
global
  nbthread 1
  maxconn 7000
defaults
  mode tcp
  option splice-auto
  timeout connect 5s
  timeout client 1h
  timeout server 1h
listen banning
  bind ${listenHost}:${listenPort}
  tcp-request connection reject if { src -f banned.lst }
  server upstream ${LOOPBACK}:${upstreamPort}
`,
  }),
  command: ['haproxy', '-db', '-f', 'haproxy.cfg'],
}

/** Its stream module has no other word that refuses before the upstream is asked; the list is read from its beginning each time. */
const nginx: BanningPeer = {
  name: 'nginx, deny',
  peer: 'nginx',
  needs: ['nginx'],
  files: ({ listenHost, listenPort, upstreamPort, banned }) => ({
    'banned.conf': lines(banned.map((address) => `deny ${address};`)),
    'nginx.conf': `
${loadStreamModule()}
${userLine()}
daemon off;
worker_processes 1;
pid nginx.pid;
error_log stderr crit;
events { worker_connections 16384; }
stream {
  access_log off;
  proxy_connect_timeout 5s;
  proxy_timeout 1h;
  server {
    listen ${listenHost}:${listenPort};
    include banned.conf;
    proxy_pass ${LOOPBACK}:${upstreamPort};
  }
}
`,
  }),
  command: ['nginx', '-p', '.', '-c', 'nginx.conf'],
}

function tidegate(name: string, firewall: 'auto' | 'off'): BanningPeer {
  return {
    name,
    peer: 'tidegate',
    needs: [PROGRAM],
    ...(firewall === 'auto' && { table: 'tidegate' }),
    files: ({ listenHost, listenPort, upstreamPort, banned }) => ({
      'state/bans.json': storedBans(banned),
      'tidegate.yaml': `
admin: { listen: off, stateDir: ./state }
traffic: { workers: 1, engine: linux }
log: { connections: none }
protect:
  firewall: { mode: ${firewall} }
services:
  - name: banning
    listen: [ "${listenHost}:${listenPort}" ]
    mode: raw
    upstreams: [ "${LOOPBACK}:${upstreamPort}" ]
`,
    }),
    command: [PROGRAM, 'run', '-c', 'tidegate.yaml'],
  }
}

/** As an operator's bans stand in the state folder after a restart. */
function storedBans(banned: readonly string[]): string {
  const rest = {
    origin: 'manual',
    since: new Date().toISOString(),
    until: null,
    why: 'bench',
    by: 'bench',
    repeated: 0,
  }
  return JSON.stringify({ version: 1, bans: banned.map((prefix) => ({ prefix, ...rest })) })
}

export const BANNING_PEERS: readonly BanningPeer[] = [
  haproxy,
  nginx,
  tidegate('tidegate, in user space', 'off'),
  tidegate('tidegate, in the kernel', 'auto'),
]
