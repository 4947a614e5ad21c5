/**
 * libc.ts with another kernel behind io_uring: one that takes what the test lets it take, completes in the order the test
 * wants, and fails when it is told to. Its two queues lie where linux/io_uring.h lets a kernel put them.
 */
import { addressOf as realAddressOf, E, viewMemory as realViewMemory } from './libc.ts'
import type { Address, Fd } from './libc.ts'

export * from './libc.ts'

export interface TakenEntry {
  readonly operation: number
  readonly fd: Fd
  readonly address: bigint
  readonly bytes: number
  readonly flags: number
}

const SQ_ENTRIES = 64
const CQ_ENTRIES = 128
/** In 4-byte words of the rings' page. */
const AT = { sqHead: 3, sqTail: 7, cqHead: 16, cqTail: 20, array: 64, completions: 256 } as const
const RING_FD = 1000
const RINGS_AT = 2 ** 46
const ENTRIES_AT = 2 ** 46 + 2 ** 30
const ENTRIES_OFFSET = 0x1000_0000

/** What the next calls meet; `reset` makes it an ordinary kernel. */
class FakeKernel {
  setupError = 0
  features = 0xffff
  canMap = true
  /** Errors of the next io_uring_enter calls; 0 lets one through. */
  enterErrors: number[] = []
  /** So many entries are taken by one call. */
  takenMax = SQ_ENTRIES
  isReversed = false
  /** Completions come only when they are waited for, one at a time. */
  isLate = false
  resultOf: (entry: TakenEntry) => number = (entry) => entry.bytes
  readonly taken: TakenEntry[] = []
  closed: Fd[] = []
  error = 0
  rings = new Int32Array(4096)
  entries = new Int32Array(SQ_ENTRIES * 16)
  held: (readonly [userData: number, result: number])[] = []

  reset(): void {
    Object.assign(this, new FakeKernel())
    this.taken.length = 0
  }

  /** As if so many entries had gone through the queues already. */
  moveTo(position: number): void {
    for (const at of [AT.sqHead, AT.sqTail, AT.cqHead, AT.cqTail]) this.rings[at] = position
  }
}

export const kernel = new FakeKernel()

let paramsView = new Int32Array(30)

export function addressOf(buffer: ArrayBufferView): Address {
  if (buffer instanceof Int32Array) paramsView = buffer as Int32Array<ArrayBuffer>
  return realAddressOf(buffer)
}

function failed(code: number): -1 {
  kernel.error = code
  return -1
}

export function errno(): number {
  return kernel.error
}

export function close(fd: Fd): number {
  kernel.closed.push(fd)
  return 0
}

export function ioUringSetup(): Fd {
  if (kernel.setupError !== 0) return failed(kernel.setupError)
  kernel.rings.fill(0)
  for (const [at, value] of [
    [0, SQ_ENTRIES],
    [1, CQ_ENTRIES],
    [5, kernel.features],
    [10, AT.sqHead * 4],
    [11, AT.sqTail * 4],
    [16, AT.array * 4],
    [20, AT.cqHead * 4],
    [21, AT.cqTail * 4],
    [25, AT.completions * 4],
  ]) {
    paramsView[at] = value
  }
  return RING_FD
}

export function mapRing(_fd: Fd, _bytes: number, offset: number): Address | undefined {
  if (!kernel.canMap) {
    kernel.error = E.ENOMEM
    return undefined
  }
  return offset === ENTRIES_OFFSET ? ENTRIES_AT : RINGS_AT
}

export function viewMemory(at: Address, bytes: number): Uint8Array {
  if (at === RINGS_AT) return new Uint8Array(kernel.rings.buffer, 0, bytes)
  if (at === ENTRIES_AT) return new Uint8Array(kernel.entries.buffer, 0, bytes)
  return realViewMemory(at, bytes)
}

export function ioUringEnter(_fd: Fd, submit: number, wait: number): number {
  const code = kernel.enterErrors.shift() ?? 0
  if (code !== 0) return failed(code)
  const taken = takeEntries(Math.min(submit, kernel.takenMax))
  if (kernel.isReversed) kernel.held.reverse()
  const due = kernel.isLate ? wait : kernel.held.length
  for (const [userData, result] of kernel.held.splice(0, due)) complete(userData, result)
  return taken
}

function takeEntries(most: number): number {
  const { rings, entries } = kernel
  let taken = 0
  while (taken < most && rings[AT.sqHead] !== rings[AT.sqTail]) {
    const at = rings[AT.array + (rings[AT.sqHead] & (SQ_ENTRIES - 1))] * 16
    const words = new DataView(entries.buffer, at * 4, 64)
    const entry: TakenEntry = {
      operation: words.getUint8(0),
      fd: words.getInt32(4, true),
      address: words.getBigUint64(16, true),
      bytes: words.getUint32(24, true),
      flags: words.getUint32(28, true),
    }
    kernel.taken.push(entry)
    kernel.held.push([words.getInt32(32, true), kernel.resultOf(entry)])
    rings[AT.sqHead] = (rings[AT.sqHead] + 1) | 0
    taken++
  }
  return taken
}

function complete(userData: number, result: number): void {
  const { rings } = kernel
  const at = AT.completions + (rings[AT.cqTail] & (CQ_ENTRIES - 1)) * 4
  rings.set([userData, 0, result, 0], at)
  rings[AT.cqTail] = (rings[AT.cqTail] + 1) | 0
}
