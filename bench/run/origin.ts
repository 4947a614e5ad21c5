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
  writeFileSync(configPath, originConfig(dir, plainPort, proxyProtocolPort))
  const running = start(['nginx', '-p', dir, '-c', configPath], { label: 'origin', dir, cpus })
  await untilListening(plainPort, running)
  return { running, plainPort, proxyProtocolPort }
}

function originConfig(dir: string, plainPort: number, proxyProtocolPort: number): string {
  return `
${userLine()}
daemon off;
worker_processes 1;
pid origin.pid;
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
    listen ${LOOPBACK}:${plainPort} backlog=4096;
    listen ${LOOPBACK}:${proxyProtocolPort} proxy_protocol backlog=4096;
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
