import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseIp } from '../../lib/ip.ts'
import { newcomerRingBytes, NewcomersReader, NewcomersWriter } from './newcomers.ts'

function ring(powerOfTwo: number) {
  const memory = new SharedArrayBuffer(newcomerRingBytes(powerOfTwo))
  const writer = new NewcomersWriter(memory)
  const reader = new NewcomersReader(memory)
  return {
    write: (service: number, text: string, isRefused = false): void => {
      const bytes = parseIp(text)!
      writer.write(service, bytes, 0, bytes.length === 4 ? 4 : 6, isRefused)
    },
    read: (most = 100): unknown[] => {
      const read: unknown[] = []
      reader.read(most, (...newcomer) => read.push(newcomer))
      return read
    },
  }
}

test('who came is read as it was written, oldest first', () => {
  const { write, read } = ring(4)
  write(0, '192.0.2.1')
  write(255, '2001:db8:1:2::5', true)
  assert.deepEqual(read(1), [[0, 4, 0xc000_0201 | 0, 0, false]])
  assert.deepEqual(read(), [[255, 6, 0x2001_0db8, 0x0001_0002, true]])
  assert.deepEqual(read(), [])
})

test('a full ring leaves out who comes then, and goes on when it was read', () => {
  const { write, read } = ring(2)
  for (let i = 1; i <= 6; i++) write(i, '192.0.2.1')
  assert.equal(read().length, 4)
  write(7, '192.0.2.1')
  assert.deepEqual(read(), [[7, 4, 0xc000_0201 | 0, 0, false]])
})
