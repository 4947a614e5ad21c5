/**
 * Memory for system calls below 2 GiB. An address that fits in 31 bits is a small integer to V8: passing it allocates
 * nothing, where a larger one makes a heap number for each call (a fifth of the price of a recv).
 */
import { mapMemory, viewMemory } from './libc.ts'

/** Never given back: buffers of a worker live as long as it does, and small ones share one mapping. */
const ARENA_BYTES = 256 * 1024
const ALIGNMENT = 64

/** Where mmap failed an arena is ordinary memory, which V8 would collect under the addresses taken from it. */
const kept: Uint8Array[] = []
let arena: Uint8Array | undefined
let arenaUsed = 0

/** Zeroed bytes whose address does not change, low where the kernel has room there. */
export function lowBytes(bytes: number): Uint8Array {
  if (bytes > ARENA_BYTES / 4) return mapped(bytes)
  if (arena === undefined || arenaUsed + bytes > ARENA_BYTES) {
    arena = mapped(ARENA_BYTES)
    kept.push(arena)
    arenaUsed = 0
  }
  const taken = new Uint8Array(arena.buffer, arena.byteOffset + arenaUsed, bytes)
  arenaUsed = Math.ceil((arenaUsed + bytes) / ALIGNMENT) * ALIGNMENT
  return taken
}

export function lowInts(count: number): Int32Array {
  const bytes = lowBytes(count * 4)
  return new Int32Array(bytes.buffer, bytes.byteOffset, count)
}

function mapped(bytes: number): Uint8Array {
  const at = mapMemory(bytes)
  return at === undefined ? new Uint8Array(bytes) : viewMemory(at, bytes)
}
