/**
 * Large tables that are read at random places: with pages of 2 MiB instead of 4 KiB the processor finds their addresses
 * without walking page tables, which costs as much as the read itself. Not through libc.ts: control must work without
 * native calls.
 */
import { createRequire } from 'node:module'

/** MADV_HUGEPAGE of <asm-generic/mman-common.h>. */
const MADV_HUGEPAGE = 14
/** The size on x86-64, and on arm64 with pages of 4 KiB. */
const HUGE_PAGE_BYTES = 2 * 1024 * 1024

/** Shared memory for such a table. */
export function tableMemory(bytes: number): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(bytes)
  adviseHugePages(memory)
  return memory
}

/**
 * Asks the kernel to back the whole huge pages inside this memory as such; to be called before it is filled. Returns false
 * where the kernel, the platform or the size of the memory stand against it: nothing but speed is lost then.
 */
export function adviseHugePages(memory: SharedArrayBuffer): boolean {
  if (process.platform !== 'linux' || memory.byteLength < 2 * HUGE_PAGE_BYTES) return false
  try {
    const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi')
    const madvise = koffi.load(null).func('int madvise(uintptr_t address, size_t length, int advice)')
    const begin = Number(koffi.address(new Uint8Array(memory)))
    const first = Math.ceil(begin / HUGE_PAGE_BYTES) * HUGE_PAGE_BYTES
    const end = Math.floor((begin + memory.byteLength) / HUGE_PAGE_BYTES) * HUGE_PAGE_BYTES
    return madvise(first, end - first, MADV_HUGEPAGE) === 0
  } catch {
    return false
  }
}
