/** Opens connections as fast as it may, says nothing, and stays until it is thrown out. */
import type { Behaviour } from './raid.ts'

export const flood: Behaviour = { reads: true }
