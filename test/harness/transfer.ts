/** Sends and checks streams in random pieces with random stalls: the traffic of the tests that count every byte. */
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import type { Peer } from './peer.ts'
import { Random } from './random.ts'
import { SLICE_BYTES_MAX, StreamCheck, streamBytes } from './test-stream.ts'

export interface Pattern {
  readonly seed: number
  readonly bytes: number
  /** Pieces are 1 to so many bytes long. */
  readonly pieceBytesMax: number
  /** Chance of a stall after a piece, both when sending and when receiving. */
  readonly stall: number
}

/** Sends the whole stream, never holding more than one piece in this process, and says FIN. */
export async function sendStream(peer: Peer, pattern: Pattern): Promise<void> {
  const random = new Random(pattern.seed)
  let offset = 0
  while (offset < pattern.bytes) {
    const piece = 1 + random.integer(Math.min(pattern.pieceBytesMax, SLICE_BYTES_MAX))
    const length = Math.min(piece, pattern.bytes - offset)
    await peer.write(streamBytes(pattern.seed, offset, length))
    offset += length
    if (random.chance(pattern.stall)) await stall(random)
  }
  peer.finish()
}

/** Checks what comes until `bytes` have come or the other side ends; stops reading now and then. */
export function checkStream(peer: Peer, pattern: Pattern): StreamCheck {
  const check = new StreamCheck(pattern.seed)
  const random = new Random(pattern.seed ^ 0x5bd1e995)
  peer.onData = (chunk) => {
    check.take(chunk)
    if (!random.chance(pattern.stall)) return
    peer.pause()
    void stall(random).then(() => peer.resume())
  }
  return check
}

/** A stall is an input of the test, not a wait for something: a few turns of the event loop, or a few ms. */
async function stall(random: Random): Promise<void> {
  if (random.chance(0.7)) for (let turns = random.integer(4); turns >= 0; turns--) await turn()
  else await sleep(random.integer(4))
}
