/** Tidegate with one worker, on each of its engines. */
import { fileURLToPath } from 'node:url'
import { LOOPBACK } from '../run/ports.ts'
import type { Header, Launch, Peer, PeerName, Route } from './peer.ts'

/** TIDEGATE_BIN puts another build into the tables. */
export const PROGRAM = process.env['TIDEGATE_BIN'] ?? fileURLToPath(new URL('../../bin/tidegate', import.meta.url))

const MODES: Record<Header, string> = {
  none: 'mode: raw',
  v1: 'mode: proxy-v1',
  v2: 'mode: proxy-v2\n    proxyHeader: { crc32c: false, uniqueId: false }',
  'v2-tlvs': 'mode: proxy-v2\n    proxyHeader: { crc32c: true, uniqueId: true }',
}

function launchWith(engine: 'linux' | 'node', routes: readonly Route[], connectionLog: boolean): Launch {
  return launchServices(engine, routes.map(service), connectionLog)
}

/** Services as they stand in the configuration: for what no other proxy here has. */
export function launchServices(engine: 'linux' | 'node', services: readonly string[], connectionLog = false): Launch {
  const config = `
admin: { listen: off }
traffic: { workers: 1, engine: ${engine} }
log: { connections: ${connectionLog ? 'all' : 'none'} }
services:
${services.join('\n')}
`
  return {
    configName: `tidegate-${engine}.yaml`,
    config,
    command: (path) => [PROGRAM, 'run', '-c', path],
  }
}

function service({ listenPort, upstreamPort, header }: Route): string {
  return `  - name: port-${listenPort}
    listen: [ "${LOOPBACK}:${listenPort}" ]
    ${MODES[header]}
    upstreams: [ "${LOOPBACK}:${upstreamPort}" ]`
}

function peer(name: PeerName, engine: 'linux' | 'node'): Peer {
  return {
    name,
    needs: [PROGRAM],
    headers: ['none', 'v1', 'v2', 'v2-tlvs'],
    launch: (routes, connectionLog) => launchWith(engine, routes, connectionLog),
  }
}

/**
 * The linux engine with this `protect` for its services, and nobody on the allow list, where loopback is by default.
 * `forAll` is what else stands in the `protect` of the whole configuration.
 */
export function tidegateWith(protect: string, forAll: readonly string[] = []): Peer {
  const launch: Peer['launch'] = (routes, connectionLog) => {
    const services = routes.map((route) => `${service(route)}\n    protect: ${protect}`)
    const { config, ...rest } = launchServices('linux', services, connectionLog)
    return { ...rest, config: `${config}protect: { ${['allow: []', ...forAll].join(', ')} }\n` }
  }
  return { ...tidegate, launch }
}

export const tidegate = peer('tidegate', 'linux')
export const tidegateNode = peer('tidegate-node', 'node')
