/** A database of networks for measures: 400,000 of them, about as many as a free database of countries has. */
import { countryCode } from '../src/lib/country-code.ts'
import { formatIp } from '../src/lib/ip.ts'
import { mmdb, type MmdbValue } from '../test/harness/mmdb.ts'
import type { Random } from '../test/harness/random.ts'

const NETWORKS = 200_000
const COUNTRIES = 250
const ASNS = 70_000

/** Half of it IPv4, of the lengths that there are in the Internet; IPv6 in some ten thousand providers' networks. `others` on top. */
export function madeDatabase(random: Random, others: Readonly<Record<string, MmdbValue>> = {}): Buffer {
  const networks: Record<string, MmdbValue> = {}
  for (let i = 0; i < NETWORKS; i++) {
    const record = {
      country: { iso_code: countryCode(1 + random.integer(COUNTRIES)) },
      autonomous_system_number: 1 + random.integer(ASNS),
    }
    const v4Length = 16 + random.integer(9)
    networks[`${formatIp(randomBytes(random, 4, v4Length))}/${v4Length}`] = record
    const v6Length = 32 + random.integer(17)
    networks[`${formatIp(randomBytes(random, 16, v6Length))}/${v6Length}`] = record
  }
  return mmdb({ ...networks, ...others }, { type: 'made for this' })
}

/** An address, or the network of this length around it. */
export function randomBytes(random: Random, size: 4 | 16, prefixLength = size * 8): Uint8Array {
  const bytes = Uint8Array.from({ length: size }, (_, i) => {
    return random.integer(256) & (0xff00 >> Math.min(8, Math.max(0, prefixLength - i * 8)))
  })
  if (size === 16) bytes.set([0x2a, random.integer(16)])
  return bytes
}
