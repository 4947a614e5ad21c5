import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FLAGS, HandshakeFrame } from './handshake-frame.ts'

const ends = { fromLink: '02:00:00:00:00:01', toLink: '02:00:00:00:00:02', host: '192.0.2.1', port: 443 }

/** What a receiver does: all words and the checksum among them come to ffff [RFC 1071]. */
function sumsUp(words: Buffer): boolean {
  let sum = 0
  for (let at = 0; at < words.length; at += 2) sum += words.readUInt16BE(at)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return sum === 0xffff
}

test('a frame has right checksums, whatever was written into it before', () => {
  const frame = new HandshakeFrame(ends)
  for (const [source, port, flags, sequence, acknowledgement] of [
    [0xc6336401, 1024, FLAGS.syn, 0, 0],
    [0xffffffff, 65_535, FLAGS.ack, 0xffffffff, 0xffffffff],
    [0xcb007101, 61_023, FLAGS.rst | FLAGS.ack, 0x01020304, 0xfffefdfc],
  ]) {
    frame.write(source, port, flags, sequence, acknowledgement)
    const ip = frame.bytes.subarray(14, 34)
    const pseudoHeader = Buffer.concat([ip.subarray(12, 20), Buffer.from([0, 6, 0, 20])])
    assert.ok(sumsUp(ip), 'IPv4')
    assert.ok(sumsUp(Buffer.concat([pseudoHeader, frame.bytes.subarray(34)])), 'TCP')
    assert.equal(ip.readUInt32BE(12), source)
    assert.equal(frame.bytes[47], flags)
  }
})
