/** The shape of `affinity`: `none`, or a mapping. */
import { z } from 'zod'
import { choice, count, duration } from './leaf.ts'

/** 320 MB of shared memory. */
export const AFFINITY_CLIENTS_MAX = 10_000_000

export const affinitySchema = z
  .preprocess(
    // Null, so that a missing value is still a missing value.
    (input) => (input === 'none' ? null : input === null ? undefined : input),
    z
      .strictObject({
        by: choice(['client-ip'], 'What tells clients apart. `client-ip`: the address; of IPv6 the /64.').prefault(
          'client-ip',
        ),
        ttl: duration({}, 'How long a client is remembered after its last connect.').prefault('10m'),
        max: count(1, AFFINITY_CLIENTS_MAX, 'How many clients are remembered; 32 bytes each.').prefault('100000'),
      })
      .nullable(),
  )
  .prefault('none')
  .meta({
    description: 'Whether a client that comes again gets the upstream it had: `none`, or for how long and how many.',
    shortForm: { enum: ['none'], description: 'Each connection is a choice of its own.' },
  })
