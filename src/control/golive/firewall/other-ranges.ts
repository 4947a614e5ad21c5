/** Everybody but the given networks, as ranges: what a firewall needs whose refusals come before its permits. */
import { formatIp, type IpFamily, parseNetwork } from '../../../lib/ip.ts'

/** Unicast addresses that TCP connections come from; the ends of each version are no addresses of anybody. */
const WHOLE: Record<IpFamily, readonly [first: string, last: string]> = {
  4: ['1.0.0.0', '255.255.255.254'],
  6: ['::2', 'feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
}

/** `10.0.0.0-10.0.0.4`, in order; the networks are of one family and do not overlap. */
export function otherRanges(family: IpFamily, networks: readonly string[]): string[] {
  const [first, last] = WHOLE[family].map((text) => numberOf(parseNetwork(text)!.bytes))
  const taken = networks
    .map((text) => {
      const { bytes, prefixLength } = parseNetwork(text)!
      const from = numberOf(bytes)
      return { from, to: from + (1n << BigInt(bytes.length * 8 - prefixLength)) - 1n }
    })
    .sort((a, b) => (a.from < b.from ? -1 : 1))
  const ranges: string[] = []
  let next = first
  const add = (to: bigint): void => {
    if (next > to) return
    ranges.push(next === to ? text(next, family) : `${text(next, family)}-${text(to, family)}`)
  }
  for (const { from, to } of taken) {
    add(from - 1n < last ? from - 1n : last)
    if (to + 1n > next) next = to + 1n
  }
  add(last)
  return ranges
}

function numberOf(bytes: Uint8Array): bigint {
  return bytes.reduce((number, byte) => (number << 8n) | BigInt(byte), 0n)
}

function text(number: bigint, family: IpFamily): string {
  const length = family === 4 ? 4 : 16
  return formatIp(Uint8Array.from({ length }, (_, i) => Number((number >> BigInt((length - 1 - i) * 8)) & 0xffn)))
}
