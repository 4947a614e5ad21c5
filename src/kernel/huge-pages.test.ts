import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { adviseHugePages, tableMemory } from './huge-pages.ts'
import { addressOf } from './libc.ts'

const MIB = 1024 * 1024

/** Of the mapping that has the middle of this memory: what other tests of the process have or free is not looked at. */
function hugeKib(memory: SharedArrayBuffer): number {
  const middle = addressOf(new Uint8Array(memory)) + memory.byteLength / 2
  const mappings = readFileSync('/proc/self/smaps', 'latin1').split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m)
  const own = mappings.find((text) => {
    const [begin, end] = text.slice(0, text.indexOf(' ')).split('-')
    return Number(`0x${begin}`) <= middle && middle < Number(`0x${end}`)
  })
  return Number(/AnonHugePages:\s+(\d+) kB/.exec(own ?? '')?.[1] ?? 0)
}

function kernelGivesThem(): boolean {
  try {
    return !readFileSync('/sys/kernel/mm/transparent_hugepage/enabled', 'latin1').includes('[never]')
  } catch {
    return false
  }
}

test('a large table gets huge pages as it is filled', { skip: !kernelGivesThem() && 'this kernel gives none' }, () => {
  const memory = tableMemory(64 * MIB)
  new Uint8Array(memory).fill(7)
  // Most of it: the kernel may be short of whole ones.
  assert.ok(hugeKib(memory) > 16 * 1024, `${hugeKib(memory)} KiB`)
  assert.equal(new Uint8Array(memory).at(-1), 7)
})

test('small tables are left as they are', () => {
  assert.equal(adviseHugePages(new SharedArrayBuffer(MIB)), false)
  assert.equal(tableMemory(64).byteLength, 64)
})
