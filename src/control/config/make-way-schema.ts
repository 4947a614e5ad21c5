/** `services[].protect.makeWay`: who goes for a newcomer when all places are taken. docs/overload.md says how to choose. */
import { z } from 'zod'
import { choice, duration } from './leaf.ts'

/** Later than the first look at a connection, and longer than a first byte takes from anywhere on earth. */
const AFTER_MS_MIN = 250

export const makeWaySchema = z.strictObject({
  rule: choice(
    ['off', 'watch', 'on'],
    'Whether silent clients make way: `on` ends them, `watch` counts who would have to go, `off` does not look.',
  ).prefault('on'),
  after: duration({ minMs: AFTER_MS_MIN }, 'So long a client has to have been silent.').prefault('1s'),
  greeted: choice(
    ['stay', 'go'],
    'Clients to which the upstream has sent something and which have not answered: `go` where every client has to.',
  ).prefault('stay'),
})
