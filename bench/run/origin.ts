/**
 * The server all proxies stand in front of: nginx, one worker, http. One port expects no PROXY header,
 * the other requires one (nginx reads v1 and v2).
 */
import { closeSync, ftruncateSync, openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { userLine } from '../peers/nginx-build.ts'
import { freePort, LOOPBACK, untilListening } from './ports.ts'
import { start, type Running } from './processes.ts'

/** With nginx's own header lines the whole answer is about 180 bytes. */
export const SMALL_PATH = '/small'
export const BULK_PATH = '/bulk'
export const BULK_BYTES = 100_000_000

export interface Origin {
  readonly running: Running
  readonly plainPort: number
  readonly proxyProtocolPort: number
}

export async function startOrigin(dir: string, cpus: string | undefined): Promise<Origin> {
  const plainPort = await freePort()
  const proxyProtocolPort = await freePort()
  writeZeros(join(dir, BULK_PATH), BULK_BYTES)
  const configPath = join(dir, 'origin.conf')
  const listens = [`${LOOPBACK}:${plainPort}`, `${LOOPBACK}:${proxyProtocolPort} proxy_protocol`]
  writeFileSync(configPath, originConfig(dir, 'origin', listens))
  const running = start(['nginx', '-p', dir, '-c', configPath], { label: 'origin', dir, cpus })
  await untilListening(plainPort, running)
  return { running, plainPort, proxyProtocolPort }
}

export interface ManyOrigins {
  readonly running: Running
  readonly ports: readonly number[]
}

/** One more of the same, which answers small requests on many ports: many upstreams that cost as much as one. */
export async function startManyOrigins(dir: string, cpus: string | undefined, count: number): Promise<ManyOrigins> {
  const ports: number[] = []
  for (let i = 0; i < count; i++) ports.push(await freePort())
  const configPath = join(dir, 'many-origins.conf')
  const listens = ports.map((port) => `${LOOPBACK}:${port}`)
  writeFileSync(configPath, originConfig(dir, 'many-origins', listens))
  const running = start(['nginx', '-p', dir, '-c', configPath], { label: 'many-origins', dir, cpus })
  await untilListening(ports[ports.length - 1], running)
  return { running, ports }
}

function originConfig(dir: string, name: string, listens: readonly string[]): string {
  return `
${userLine()}
daemon off;
worker_processes 1;
pid ${name}.pid;
error_log stderr crit;
events { worker_connections 16384; }
http {
  access_log off;
  server_tokens off;
  sendfile on;
  keepalive_timeout 1h;
  # The default closes a connection after 1,000 requests, which would mix new connections into "kept".
  keepalive_requests 1000000000;
  server {
${listens.map((listen) => `    listen ${listen} backlog=4096;`).join('\n')}
    root ${dir};
    location = ${SMALL_PATH} { default_type text/plain; return 200 "a small answer\\n"; }
    location = ${BULK_PATH} { }
  }
}
`
}

function writeZeros(path: string, bytes: number): void {
  const fd = openSync(path, 'w')
  // Written, not only truncated: holes would be read from the page of zeros, faster than any real file.
  const chunk = Buffer.alloc(1_000_000)
  for (let written = 0; written < bytes; written += chunk.length) writeFileSync(fd, chunk)
  ftruncateSync(fd, bytes)
  closeSync(fd)
}
