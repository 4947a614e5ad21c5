/** `tidegate demo`: toy upstreams on loopback, and the configuration of a real daemon in front of them. */
import { mkdtempSync, rmSync } from 'node:fs'
import type { Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Config } from '../config/config.ts'
import { parseConfig } from '../config/load.ts'
import { freePort, listenAnywhere, LOOPBACK } from './open-port.ts'
import { toyGreeter } from './toy-greeter.ts'
import { toyProxyReader } from './toy-proxy-reader.ts'
import { toyWeb } from './toy-web.ts'

export interface Demo {
  /** For the daemon. */
  readonly config: Config
  readonly services: readonly DemoService[]
  /** `127.0.0.1:9900` */
  readonly admin: string
  /** Ends the toys. */
  close(): void
}

export interface DemoService {
  readonly name: string
  readonly listen: string
  readonly shows: string
  /** A command line to try. */
  readonly try: string
}

/** What people try first; the next free ones are taken where they are in use. */
const PORTS_WANTED = { web: 8080, proxy: 8081, greeter: 8082, admin: 9900 } as const

export async function startDemo(): Promise<Demo> {
  const toys = { web: toyWeb('web'), proxy: toyProxyReader('web-behind-proxy-v2'), greeter: toyGreeter() }
  const toyPorts = {
    web: await listenAnywhere(toys.web),
    proxy: await listenAnywhere(toys.proxy),
    greeter: await listenAnywhere(toys.greeter),
  }
  const ports = await listenPorts()
  const dead = await freePort(1 + Math.max(...Object.values(toyPorts)))
  // Of its own: an upstream that was taken down in one demo is there again in the next.
  const stateDir = mkdtempSync(join(tmpdir(), 'tidegate-demo-'))
  const at = (port: number): string => `${LOOPBACK}:${port}`

  const config = parseConfig(
    JSON.stringify({
      admin: { listen: at(ports.admin), stateDir },
      traffic: { drainTimeout: '1s' },
      log: { level: 'warn', format: 'text', connections: 'all' },
      services: [
        {
          name: 'web',
          listen: [at(ports.web)],
          mode: 'raw',
          upstreams: [
            { address: at(dead), name: 'switched-off' },
            { address: at(toyPorts.web), name: 'toy-web' },
          ],
        },
        {
          name: 'proxy',
          listen: [at(ports.proxy)],
          mode: 'proxy-v2',
          upstreams: [{ address: at(toyPorts.proxy), name: 'toy-proxy-reader' }],
        },
        {
          name: 'greeter',
          listen: [at(ports.greeter)],
          mode: 'raw',
          upstreams: [{ address: at(toyPorts.greeter), name: 'toy-greeter' }],
        },
      ],
    }),
    'demo',
    {},
  )
  return {
    config,
    services: describeServices(ports),
    admin: at(ports.admin),
    close: () => {
      Object.values(toys).forEach(closeToy)
      rmSync(stateDir, { recursive: true, force: true })
    },
  }
}

async function listenPorts(): Promise<Record<keyof typeof PORTS_WANTED, number>> {
  const web = await freePort(PORTS_WANTED.web)
  const proxy = await freePort(PORTS_WANTED.proxy, [web])
  const greeter = await freePort(PORTS_WANTED.greeter, [web, proxy])
  return { web, proxy, greeter, admin: await freePort(PORTS_WANTED.admin, [web, proxy, greeter]) }
}

function describeServices(ports: Record<'web' | 'proxy' | 'greeter', number>): DemoService[] {
  const url = (port: number): string => `http://${LOOPBACK}:${port}/`
  return [
    {
      name: 'web',
      listen: url(ports.web),
      shows: 'failover: the first of its two upstreams is switched off',
      try: `curl ${url(ports.web)}`,
    },
    {
      name: 'proxy',
      listen: url(ports.proxy),
      shows: 'PROXY protocol v2: the upstream learns your address',
      try: `curl ${url(ports.proxy)}`,
    },
    {
      name: 'greeter',
      listen: `${LOOPBACK}:${ports.greeter}`,
      shows: 'a protocol whose server speaks first',
      try: `curl telnet://${LOOPBACK}:${ports.greeter}/`,
    },
  ]
}

function closeToy(toy: Server): void {
  toy.close()
  if ('closeAllConnections' in toy) (toy as Server & { closeAllConnections(): void }).closeAllConnections()
}
