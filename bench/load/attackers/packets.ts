/**
 * `node packets.ts '{"kind":"syn","host":…,"port":…,"count":…,"perSecond":…}'`, with a message channel: packets from
 * random addresses that nobody has, through a raw socket. `syn` fills the table of half-open connections, `ack` belongs
 * to no connection. Only for a network of one's own. Says at its end how many the kernel took.
 */
import { randomFillSync } from 'node:crypto'
import { setImmediate as messages } from 'node:timers/promises'
import { rawSocket, sendRaw, socketAddress } from '../libc.ts'

export interface PacketsPlan {
  readonly kind: 'syn' | 'ack'
  readonly host: string
  readonly port: number
  readonly count: number
  readonly perSecond: number
}

export interface PacketsReport {
  readonly sent: number
  /** The kernel had no room for them. */
  readonly lost: number
  readonly seconds: number
}

const FLAGS = { syn: 0x02, ack: 0x10 } as const
const IP_BYTES = 20
const PACKET_BYTES = 40
const TCP = 6
/** First octets of the sources: none of a network that tests use. */
const FIRST_OCTET = 20
const FIRST_OCTETS = 80
const TURN_PACKETS_MAX = 512

const plan = JSON.parse(process.argv[2]) as PacketsPlan
const target = socketAddress(plan.host, plan.port)
const fd = rawSocket()
const packet = Buffer.alloc(PACKET_BYTES)
const random = Buffer.alloc(12 * TURN_PACKETS_MAX)
let isStopping = false
let sent = 0
let lost = 0

process.on('message', () => {
  isStopping = true
})
process.on('disconnect', () => process.exit())

writeFixedFields()
const startedMs = performance.now()
while (!isStopping && sent + lost < plan.count) {
  const due = Math.min(plan.count, ((performance.now() - startedMs) * plan.perSecond) / 1000)
  randomFillSync(random)
  for (let i = 0; i < TURN_PACKETS_MAX && sent + lost < due; i++) {
    writeRandomFields(12 * i)
    if (sendRaw(fd, packet, target)) sent++
    else lost++
  }
  await messages()
}
const seconds = (performance.now() - startedMs) / 1000
process.send?.({ sent, lost, seconds } satisfies PacketsReport, undefined, undefined, () => process.exit())

/** [RFC 791 3.1], [RFC 9293 3.1]. The kernel fills in the length and the checksum of the first [raw(7)]. */
function writeFixedFields(): void {
  packet[0] = 0x45
  packet[8] = 64
  packet[9] = TCP
  target.copy(packet, 16, 4, 8)
  packet.writeUInt16BE(plan.port, IP_BYTES + 2)
  packet[IP_BYTES + 12] = 5 << 4
  packet[IP_BYTES + 13] = FLAGS[plan.kind]
  packet.writeUInt16BE(64_240, IP_BYTES + 14)
}

/** Source address and port, sequence and acknowledgement; then the checksum over them. */
function writeRandomFields(at: number): void {
  random.copy(packet, 12, at, at + 4)
  packet[12] = FIRST_OCTET + (packet[12] % FIRST_OCTETS)
  packet.writeUInt16BE(1024 + (random.readUInt16BE(at + 4) % 60_000), IP_BYTES)
  random.copy(packet, IP_BYTES + 4, at + 6, at + 12)
  packet.writeUInt16BE(0, IP_BYTES + 16)
  let sum = TCP + (PACKET_BYTES - IP_BYTES)
  for (let i = 12; i < PACKET_BYTES; i += 2) sum += packet.readUInt16BE(i)
  sum = (sum & 0xffff) + (sum >>> 16)
  packet.writeUInt16BE(~(sum + (sum >>> 16)) & 0xffff, IP_BYTES + 16)
}
