/** Opens connections, asks for something small at once, as a client would, and stays. */
import type { Behaviour } from './raid.ts'

const REQUEST = Buffer.from('170\n')

export const askingFlood: Behaviour = { reads: true, onOpen: (raider, raid) => raid.send(raider, REQUEST) }
