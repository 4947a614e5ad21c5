/** The part of `services[].protect` that is about behaviour on the wire: docs/protect/wire.md says how to choose. */
import { z } from 'zod'
import { choice, count, duration, RULES, size } from './leaf.ts'

/** One portion that user space holds for a slow upstream: with a higher floor a slow upstream could look like a slow client. */
const SLOW_SEND_BYTES_MAX = 16 * 1024
const SLOW_READ_BYTES_MAX = 1024 * 1024
const SEGMENTS_PER_SECOND_MAX = 1_000_000
const SEGMENT_BYTES_MAX = 1024
/** A few ticks of the timing wheel, so that a window has looks in it. */
const WITHIN_MS_MIN = 500

const rule = choice(RULES, 'Whether the rule ends connections, or only counts (`watch`) those that it would end.')

export const wireSchema = {
  dialOn: choice(
    ['connect', 'first-byte'],
    'When an upstream is dialled: as soon as a client is let in, or only when it has sent something (not where the server speaks first).',
  ).prefault('connect'),
  firstByteTimeout: duration(
    { off: true, minMs: 100 },
    'Time after which a connection is closed on which neither side has sent a byte; with `dialOn: first-byte`, the client.',
  ).optional(),
  slowSend: z
    .strictObject({
      rule: rule.prefault('off'),
      bytes: size(1, SLOW_SEND_BYTES_MAX, 'What a client that goes on sending must bring in each `within`.').prefault(
        '1KiB',
      ),
      within: duration({ minMs: WITHIN_MS_MIN }, 'The window.').prefault('30s'),
    })
    .prefault({})
    .meta({ description: 'The floor for clients that send and are not answered yet.' }),
  slowRead: z
    .strictObject({
      rule: rule.prefault('on'),
      bytes: size(
        1,
        SLOW_READ_BYTES_MAX,
        'What a client that has bytes to take must acknowledge in each `within`.',
      ).prefault('4KiB'),
      within: duration({ minMs: WITHIN_MS_MIN }, 'The window.').prefault('10m'),
    })
    .prefault({})
    .meta({ description: 'The floor for clients that have bytes to take.' }),
  tinySegments: z
    .strictObject({
      rule: rule.prefault('off'),
      perSecond: count(1, SEGMENTS_PER_SECOND_MAX, 'Segments a second that may be tiny.').prefault('500'),
      smallerThan: size(2, SEGMENT_BYTES_MAX, 'Segments with less than this in them, on average, are tiny.').prefault(
        '64',
      ),
      within: duration({ minMs: WITHIN_MS_MIN }, 'The window.').prefault('10s'),
    })
    .prefault({})
    .meta({ description: 'The cap on small segments sent fast.' }),
}
