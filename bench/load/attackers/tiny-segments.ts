/** A request that never ends, byte by byte, each in a segment of its own, as fast as it goes. */
import type { Behaviour } from './raid.ts'

const BYTE = Buffer.from('1')
/** In each turn of 10 ms: 2,000 segments a second. */
const SEGMENTS = 20

export const tinySegments: Behaviour = {
  reads: true,
  onTurn: (raider, raid) => {
    for (let i = 0; i < SEGMENTS; i++) raid.send(raider, BYTE)
  },
}
