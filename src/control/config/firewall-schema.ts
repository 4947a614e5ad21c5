/** The shape of `protect.firewall`: what the kernel refuses for us. */
import { z } from 'zod'
import { boolean, choice, count, leaf } from './leaf.ts'
import { read, unread } from './reading.ts'

/** A set in the kernel takes some 150 bytes for each; a whole table of so many takes nft a few seconds. */
export const FIREWALL_ENTRIES_MAX = 1_000_000
const SYN_RATE_MAX = 1_000_000

/** SYNs a second; 0 is off. */
const synRate = leaf(
  (text) => {
    if (text === 'off') return read(0)
    const perSecond = /^\d{1,7}\/s$/.test(text) ? Number.parseInt(text, 10) : 0
    if (perSecond >= 1 && perSecond <= SYN_RATE_MAX) return read(perSecond)
    return unread('E_CONFIG_RATE', `is not a rate for each second; expected 1/s to ${SYN_RATE_MAX}/s, or off`)
  },
  {
    type: 'string',
    pattern: '^[0-9]+/s$|^off$',
    description: 'New connections from one address, or one IPv6 /64, above which the kernel drops their first packets.',
  },
)

export const firewallSchema = z.strictObject({
  mode: choice(
    ['auto', 'off'],
    'Whether the kernel drops packets from who is banned or denied. `auto`: where nft is there and rights allow.',
  ).prefault('auto'),
  table: leaf(
    (text) =>
      /^[a-z][a-z0-9_]{0,31}$/.test(text)
        ? read(text)
        : unread('E_CONFIG_NAME', 'is not a table name; expected a-z, 0-9 and _, a letter first, at most 32'),
    {
      type: 'string',
      pattern: '^[a-z][a-z0-9_]{0,31}$',
      description: 'The name of our table, of the family inet; each daemon on a machine needs its own.',
    },
  ).prefault('tidegate'),
  keep: boolean('Leave the table in the kernel when the daemon stops.').prefault('false'),
  loopback: boolean('Whether packets on the loopback interface are dropped too.').prefault('false'),
  maxEntries: count(1, FIREWALL_ENTRIES_MAX, 'Addresses or prefixes in each of its sets.').prefault('65536'),
  synRate: synRate.prefault('off'),
  dropInvalid: boolean(
    'Drop packets that belong to no connection by connection tracking, which this switches on.',
  ).prefault('false'),
  synproxy: boolean('Let the kernel complete handshakes before the listener sees them.').prefault('false'),
})
