/** The attacks of the bench and of the soak: each wants more connections than a proxy takes at once, or costs it work. */
import { CONNECTIONS_MAX } from '../../peers/guarded.ts'
import type { Sources } from '../sources.ts'
import type { AttackName } from './all-attacks.ts'

export const OPEN_MAX = 1.5 * CONNECTIONS_MAX

export interface PlannedAttack {
  readonly name: string
  readonly attack: AttackName
  readonly sources: Sources
  readonly openMax: number
  readonly perSecond: number
}

const one: Sources = { first: '127.16.0.1', count: 1, step: 1 }
const dense: Sources = { first: '127.16.0.1', count: 5000, step: 1 }
const scattered: Sources = { first: '127.16.0.7', count: 2000, step: 256 }

export const ATTACKS: readonly PlannedAttack[] = [
  { name: 'flood, 1 source', attack: 'asking-flood', sources: one, openMax: OPEN_MAX, perSecond: 3000 },
  { name: 'flood, 5,000 sources', attack: 'asking-flood', sources: dense, openMax: OPEN_MAX, perSecond: 3000 },
  { name: 'churn, 4 sources', attack: 'churn', sources: { ...one, count: 4 }, openMax: OPEN_MAX, perSecond: 3000 },
  { name: 'idle, 2,000 networks', attack: 'flood', sources: scattered, openMax: OPEN_MAX, perSecond: 1000 },
  { name: 'slow send, 2,000 networks', attack: 'slow-send', sources: scattered, openMax: OPEN_MAX, perSecond: 1000 },
  { name: 'slow read, 2,000 networks', attack: 'trickle', sources: scattered, openMax: OPEN_MAX, perSecond: 1000 },
  {
    name: 'tiny segments, 20 sources',
    attack: 'tiny-segments',
    sources: { ...scattered, count: 20 },
    openMax: 20,
    perSecond: 100,
  },
]
