/**
 * Loaded into a daemon before anything else (NODE_OPTIONS --import): its kernel takes only some of the entries of an
 * io_uring, as one without memory would. TIDEGATE_TEST_RING says which: none of the `receives`, of the `sends`, or `some`.
 */
import { isMainThread } from 'node:worker_threads'
import type { Address, Fd } from '../../src/kernel/libc.ts'
import { Random } from './random.ts'

if (!isMainThread) {
  const { IoRing, NOT_DONE } = await import('../../src/kernel/io-ring.ts')
  // oxlint-disable-next-line typescript/unbound-method -- called on the ring that they are asked of
  const { putRecv, putSend, submit, result } = IoRing.prototype
  const refused = process.env['TIDEGATE_TEST_RING'] ?? 'some'
  const random = new Random(11)
  /** By the caller's place: the entry that was really put, -1 for none. */
  let entries: number[] = []
  let put = 0

  const takes = (kind: string): boolean => {
    const isTaken = refused === 'some' ? random.chance(0.5) : refused !== kind
    // The places of the submission before are asked for until the next one begins.
    if (put === -1) [entries, put] = [[], 0]
    entries.push(isTaken ? put++ : -1)
    return isTaken
  }
  IoRing.prototype.putRecv = function (fd: Fd, to: Address, bytes: number): void {
    if (takes('receives')) putRecv.call(this, fd, to, bytes)
  }
  IoRing.prototype.putSend = function (fd: Fd, from: Address, bytes: number): void {
    if (takes('sends')) putSend.call(this, fd, from, bytes)
  }
  IoRing.prototype.submit = function (): void {
    submit.call(this)
    put = -1
  }
  IoRing.prototype.result = function (place: number): number {
    return entries[place] === -1 ? NOT_DONE : result.call(this, entries[place])
  }
}
