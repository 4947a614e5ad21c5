/** Reads the addresses of a configuration: listeners, upstreams, source addresses, networks. Each refusal says how to write it right. */
import { domainToASCII } from 'node:url'
import { formatIp, parseIp, parseNetwork, socketAddress } from '../../lib/ip.ts'
import type { Network, SocketAddress } from '../../lib/ip.ts'
import { explainIp, explainNetwork, isUnspecified, unconnectable } from './explain-address.ts'
import { read, unread } from './reading.ts'
import type { Reading } from './reading.ts'
import { splitHostPort } from './split-host-port.ts'

export interface ListenAddress {
  readonly text: string
  readonly address: SocketAddress
  readonly dualStack: boolean
}

export interface UpstreamAddress {
  readonly text: string
  readonly host: string
  readonly port: number
  readonly hostIsIp: boolean
}

/** `192.0.2.1:443`, `[2001:db8::1]:443` (IPv6 only) or `*:443` (one listener for both). Port 0 is any free port. */
export function readListenAddress(text: string): Reading<ListenAddress> {
  const split = splitHostPort(text, 'listen on')
  if (!split.ok) return split
  const port = readPort(split.value.port, 0)
  if (!port.ok) return port
  if (split.value.host === '*') {
    return read({ text, address: { family: 6, address: '::', port: port.value }, dualStack: true })
  }
  const address = socketAddress(split.value.host, port.value)
  if (address === undefined)
    return unread('E_CONFIG_ADDRESS', explainIp(split.value.host, 'IP:PORT, [IPv6]:PORT or *:PORT'))
  if (isMulticast(address)) return unread('E_CONFIG_ADDRESS', 'is a multicast address; TCP cannot listen on it')
  return read({ text, address, dualStack: false })
}

/** One address and port without `*`, for the admin endpoint. */
export function readAdminListen(text: string): Reading<SocketAddress | 'off'> {
  if (text === 'off') return read('off')
  if (text.startsWith('*:')) {
    return unread(
      'E_CONFIG_ADDRESS',
      'is not one address; write 127.0.0.1:PORT, or 0.0.0.0:PORT to open it to every network',
    )
  }
  const listen = readListenAddress(text)
  return listen.ok ? read(listen.value.address) : listen
}

/** A name under which operators and their programs ask the admin endpoint. */
export function readAdminHost(text: string): Reading<string> {
  const bare = text.replace(/^\[(.*)\]$/, '$1')
  if (parseIp(bare) !== undefined || looksLikeIpv4(text)) {
    return unread('E_CONFIG_HOSTNAME', 'is an IP address; those are believed without being named here')
  }
  if (/:\/\//.test(text)) return unread('E_CONFIG_HOSTNAME', 'is a URL; write the hostname in it alone')
  const name = text.replace(/:\d*$/, '')
  if (name !== text) return unread('E_CONFIG_HOSTNAME', `has a port; write ${name}, which holds for every port`)
  if (text.endsWith('.')) return unread('E_CONFIG_HOSTNAME', `ends with a dot; write ${text.slice(0, -1)}`)
  return readHostname(text)
}

/** `203.0.113.10:443`, `[2001:db8::10]:443` or `db.example:5432`. */
export function readUpstreamAddress(text: string): Reading<UpstreamAddress> {
  const split = splitHostPort(text, 'connect to')
  if (!split.ok) return split
  const { host, port: portText } = split.value
  const port = readPort(portText, 1)
  if (!port.ok) return port
  const ip = parseIp(host)
  if (ip !== undefined) {
    const refusal = unconnectable(ip)
    if (refusal !== undefined) return unread('E_CONFIG_ADDRESS', refusal)
    return read({ text, host: formatIp(ip), port: port.value, hostIsIp: true })
  }
  if (split.value.bracketed || looksLikeIpv4(host))
    return unread('E_CONFIG_ADDRESS', explainIp(host, 'IP:PORT or HOSTNAME:PORT'))
  const hostname = readHostname(host)
  return hostname.ok ? read({ text, host: hostname.value, port: port.value, hostIsIp: false }) : hostname
}

/** A local address to connect from. */
export function readSourceAddress(text: string): Reading<SocketAddress> {
  const address = socketAddress(text, 0)
  if (address === undefined)
    return unread('E_CONFIG_ADDRESS', explainIp(text, 'an IP address of this machine, without a port'))
  const bytes = parseIp(text)!
  if (isUnspecified(bytes))
    return unread('E_CONFIG_ADDRESS', 'is no single address; leave sourceAddresses out to let the kernel choose')
  if (isMulticast(address)) return unread('E_CONFIG_ADDRESS', 'is a multicast address; TCP cannot connect from it')
  return read(address)
}

export function readNetwork(text: string): Reading<Network> {
  const network = parseNetwork(text)
  return network === undefined ? unread('E_CONFIG_NETWORK', explainNetwork(text)) : read(network)
}

function readPort(text: string, portMin: 0 | 1): Reading<number> {
  const expected = portMin === 0 ? 'a port is 1 to 65535, or 0 for any free port' : 'a port is 1 to 65535'
  if (text === '') return unread('E_CONFIG_PORT', `has no port after the colon; ${expected}`)
  if (!/^\d+$/.test(text)) return unread('E_CONFIG_PORT', `has a port that is not a number; ${expected}`)
  const port = Number(text)
  if (port < portMin || port > 65535) return unread('E_CONFIG_PORT', `has port ${text.slice(0, 12)}; ${expected}`)
  if (text !== String(port)) return unread('E_CONFIG_PORT', `has a port with leading zeros; write ${port}`)
  return read(port)
}

/** The last label decides, as in browsers: no top-level domain is a number [RFC 3696 2]. */
function looksLikeIpv4(host: string): boolean {
  return /(^|\.)(\d+|0x[0-9a-f]*)\.?$/i.test(host)
}

/** A hostname in lower case [RFC 1123 2.1]; `_` is taken too, container networks use it. */
export function readHostname(text: string): Reading<string> {
  const bad = (problem: string): Reading<string> => unread('E_CONFIG_HOSTNAME', problem)
  if (/[^\x20-\x7e]/.test(text)) {
    const ascii = domainToASCII(text)
    return bad(ascii === '' ? 'is not a hostname' : `has letters beyond ASCII; write its ASCII form, ${ascii}`)
  }
  const name = text.toLowerCase()
  const labels = (name.endsWith('.') ? name.slice(0, -1) : name).split('.')
  if (name.length > 253) return bad('is longer than a hostname may be, 253 characters')
  for (const label of labels) {
    if (label === '') return bad('has an empty part between dots; it is not a hostname')
    if (label.length > 63) return bad('has a part longer than 63 characters; it is not a hostname')
    const stranger = /[^a-z0-9_-]/.exec(label)
    if (stranger !== null)
      return bad(`has ${JSON.stringify(stranger[0])}, which no hostname has; expected letters, digits, - and dots`)
    if (label.startsWith('-') || label.endsWith('-'))
      return bad('has a part that begins or ends with -; it is not a hostname')
  }
  return read(name)
}

function isMulticast(address: SocketAddress): boolean {
  const first = parseIp(address.address)![0]
  return address.family === 4 ? first >= 224 && first < 240 : first === 0xff
}
