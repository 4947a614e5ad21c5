import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { adviseHugePages, tableMemory } from './huge-pages.ts'

const MIB = 1024 * 1024

function hugeKib(): number {
  return Number(/AnonHugePages:\s+(\d+) kB/.exec(readFileSync('/proc/self/smaps_rollup', 'latin1'))?.[1] ?? 0)
}

function kernelGivesThem(): boolean {
  try {
    return !readFileSync('/sys/kernel/mm/transparent_hugepage/enabled', 'latin1').includes('[never]')
  } catch {
    return false
  }
}

test('a large table gets huge pages as it is filled', { skip: !kernelGivesThem() && 'this kernel gives none' }, () => {
  const before = hugeKib()
  const memory = tableMemory(64 * MIB)
  new Uint8Array(memory).fill(7)
  // Most of it: the kernel may be short of whole ones.
  assert.ok(hugeKib() - before > 16 * 1024, `${hugeKib() - before} KiB`)
  assert.equal(new Uint8Array(memory).at(-1), 7)
})

test('small tables are left as they are', () => {
  assert.equal(adviseHugePages(new SharedArrayBuffer(MIB)), false)
  assert.equal(tableMemory(64).byteLength, 64)
})
