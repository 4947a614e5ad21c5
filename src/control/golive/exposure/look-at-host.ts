/** `exposure`: run where no address of ours is, it tries which ports of an upstream answer a stranger. */
import { lookup } from 'node:dns/promises'
import { createSocket } from 'node:dgram'
import { connect, isIP } from 'node:net'
import { formatIp, parseIp } from '../../../lib/ip.ts'
import { readHostname } from '../../config/read-address.ts'
import { Semaphore } from '../../resolve/semaphore.ts'
import {
  EXPOSURE_ADDRESSES_MAX,
  EXPOSURE_PORTS_MAX,
  type ExposedPort,
  type ExposureReport,
  type ExposureVerdict,
} from './report.ts'

export interface ExposureOptions {
  readonly ports: readonly number[]
  /** For each try; a SYN that is lost is repeated by the kernel after 1 s. */
  readonly timeoutMs?: number | undefined
}

export const EXPOSURE_TIMEOUT_MS_DEFAULT = 3_000
export const EXPOSURE_PORTS_DEFAULT = [80, 443] as const
const AT_ONCE_MAX = 16
const LOOKUP_TIMEOUT_MS = 5_000
/** One lost packet must not pass for a firewall. */
const TRIES = 2

export class ExposureError extends Error {}

/** Throws ExposureError for what cannot be tried. */
export async function lookAtHost(host: string, { ports, timeoutMs }: ExposureOptions): Promise<ExposureReport> {
  const wanted = [...new Set(ports)].toSorted((a, b) => a - b)
  if (wanted.length === 0 || wanted.length > EXPOSURE_PORTS_MAX)
    throw new ExposureError(`Expected 1 to ${EXPOSURE_PORTS_MAX} ports.`)
  const bad = wanted.find((port) => !Number.isInteger(port) || port < 1 || port > 65535)
  if (bad !== undefined) throw new ExposureError(`${bad} is no port; expected 1 to 65535.`)
  const addresses = await addressesOf(host)
  const at = new Date().toISOString()
  const begunAt = performance.now()
  const places = new Semaphore(AT_ONCE_MAX)
  const own = await Promise.all(addresses.map((address) => ownAddressFor(address)))
  const tries = addresses.flatMap((address) =>
    wanted.map((port) => places.run(() => tryPort(address, port, timeoutMs ?? EXPOSURE_TIMEOUT_MS_DEFAULT))),
  )
  const seen = await Promise.all(tries)
  const tookMs = Math.round(performance.now() - begunAt)
  const from = [...new Set(own.filter((address) => address !== undefined))]
  return { version: 1, host, at, tookMs, from, ports: seen }
}

async function addressesOf(host: string): Promise<string[]> {
  if (isIP(host) !== 0) return [formatIp(parseIp(host) ?? refuse(host, 'has a zone'))]
  const name = readHostname(host)
  if (!name.ok) return refuse(host, name.problem)
  const late = new Promise<[]>((resolve) => setTimeout(() => resolve([]), LOOKUP_TIMEOUT_MS).unref())
  const found = await Promise.race([lookup(name.value, { all: true }).catch(() => []), late])
  if (found.length === 0) return refuse(host, 'has no address')
  return [...new Set(found.map(({ address }) => address))].slice(0, EXPOSURE_ADDRESSES_MAX)
}

function refuse(host: string, why: string): never {
  throw new ExposureError(`${JSON.stringify(host.slice(0, 300))} ${why}.`)
}

/** The address that the kernel would connect from: connecting a UDP socket sends nothing. */
function ownAddressFor(address: string): Promise<string | undefined> {
  const socket = createSocket(isIP(address) === 6 ? 'udp6' : 'udp4')
  return new Promise((resolve) => {
    const settle = (own: string | undefined): void => {
      socket.close()
      resolve(own)
    }
    socket.once('error', () => settle(undefined))
    socket.connect(9, address, () => settle(formatIp(parseIp(socket.address().address) ?? new Uint8Array(4))))
  })
}

async function tryPort(address: string, port: number, timeoutMs: number): Promise<ExposedPort> {
  const begunAt = performance.now()
  let verdict: ExposureVerdict = 'filtered'
  for (let tried = 0; tried < TRIES && verdict === 'filtered'; tried++) {
    verdict = await knock(address, port, timeoutMs)
  }
  return { address, port, verdict, ms: Math.round(performance.now() - begunAt) }
}

function knock(host: string, port: number, timeoutMs: number): Promise<ExposureVerdict> {
  return new Promise((resolve) => {
    const socket = connect({ host, port })
    const settle = (verdict: ExposureVerdict): void => {
      clearTimeout(timer)
      // A socket that is still connecting would wait for its connection, to reset that.
      if (verdict === 'open') socket.resetAndDestroy()
      else socket.destroy()
      resolve(verdict)
    }
    const timer = setTimeout(() => settle('filtered'), timeoutMs)
    socket.once('connect', () => {
      const hasMetItself = socket.localPort === socket.remotePort && socket.localAddress === socket.remoteAddress
      settle(hasMetItself ? 'closed' : 'open')
    })
    socket.on('error', ({ code = '' }: NodeJS.ErrnoException) => settle(VERDICTS[code] ?? 'unknown'))
  })
}

/** Any other error is of our own making: no route, no descriptor, a firewall here. */
const VERDICTS: Readonly<Record<string, ExposureVerdict>> = {
  ECONNREFUSED: 'closed',
  ECONNRESET: 'closed',
  EHOSTUNREACH: 'filtered',
  ETIMEDOUT: 'filtered',
}

/** Worst first: one open port is enough. */
export function worstVerdict(ports: readonly ExposedPort[]): ExposureVerdict {
  const order: readonly ExposureVerdict[] = ['open', 'closed', 'unknown', 'filtered']
  return order.find((verdict) => ports.some((port) => port.verdict === verdict)) ?? 'unknown'
}
