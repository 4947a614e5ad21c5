/**
 * One Ethernet frame with a TCP segment without data, written anew for each one that is sent [RFC 791 3.1], [RFC 9293 3.1].
 *
 *   0 to, from (Ethernet) · 14 IPv4: 24 checksum, 26 source, 30 destination · 34 TCP: source port, port, sequence,
 *   acknowledgement, 46 length, 47 flags, 48 window, 50 checksum
 */
export const ETHERNET_BYTES = 14
const IP_AT = ETHERNET_BYTES
const TCP_AT = IP_AT + 20
export const FRAME_BYTES = TCP_AT + 20
const TCP_BYTES = FRAME_BYTES - TCP_AT
const TCP = 6

export const FLAGS = { fin: 0x01, syn: 0x02, rst: 0x04, ack: 0x10 } as const

export interface FrameEnds {
  readonly fromLink: string
  readonly toLink: string
  readonly host: string
  readonly port: number
}

export class HandshakeFrame {
  readonly bytes = Buffer.alloc(FRAME_BYTES)
  readonly #ipSum: number
  readonly #tcpSum: number

  constructor({ fromLink, toLink, host, port }: FrameEnds) {
    const { bytes } = this
    bytes.set(linkAddress(toLink), 0)
    bytes.set(linkAddress(fromLink), 6)
    bytes.writeUInt16BE(0x0800, 12)
    bytes[IP_AT] = 0x45
    bytes.writeUInt16BE(FRAME_BYTES - IP_AT, IP_AT + 2)
    bytes[IP_AT + 8] = 64
    bytes[IP_AT + 9] = TCP
    bytes.set(host.split('.').map(Number), IP_AT + 16)
    bytes.writeUInt16BE(port, TCP_AT + 2)
    bytes[TCP_AT + 12] = (TCP_BYTES / 4) << 4
    bytes.writeUInt16BE(64_240, TCP_AT + 14)
    // Of all that stays the same; source, flags and numbers are still zero.
    this.#ipSum = sumOf(bytes, IP_AT, TCP_AT)
    this.#tcpSum = sumOf(bytes, TCP_AT, FRAME_BYTES) + sumOf(bytes, IP_AT + 16, TCP_AT) + TCP + TCP_BYTES
  }

  write(source: number, sourcePort: number, flags: number, sequence: number, acknowledgement: number): void {
    const { bytes } = this
    const ofSource = (source >>> 16) + (source & 0xffff)
    bytes.writeUInt32BE(source, IP_AT + 12)
    bytes.writeUInt16BE(checksum(this.#ipSum + ofSource), IP_AT + 10)
    bytes.writeUInt16BE(sourcePort, TCP_AT)
    bytes.writeUInt32BE(sequence, TCP_AT + 4)
    bytes.writeUInt32BE(acknowledgement, TCP_AT + 8)
    bytes[TCP_AT + 13] = flags
    const ofNumbers = (sequence >>> 16) + (sequence & 0xffff) + (acknowledgement >>> 16) + (acknowledgement & 0xffff)
    bytes.writeUInt16BE(checksum(this.#tcpSum + ofSource + sourcePort + flags + ofNumbers), TCP_AT + 16)
  }
}

function linkAddress(text: string): number[] {
  return text.split(':').map((part) => Number.parseInt(part, 16))
}

function sumOf(bytes: Buffer, from: number, to: number): number {
  let sum = 0
  for (let at = from; at < to; at += 2) sum += bytes.readUInt16BE(at)
  return sum
}

/** [RFC 1071]: the sum of 16-bit words with its carries folded in, inverted. */
function checksum(sum: number): number {
  const folded = (sum & 0xffff) + (sum >>> 16)
  return ~(folded + (folded >>> 16)) & 0xffff
}
