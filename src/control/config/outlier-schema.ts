/** The shape of `outlier`: what takes an upstream out because connects to it fail. */
import { z } from 'zod'
import { countOr, duration, leaf } from './leaf.ts'
import { read, unread } from './reading.ts'

export const OUTLIER_FAILURES_MAX = 1_000_000
/** Envoy's; `off` where a service remembers no failure at all (`retryFailedAfter: 0s`), unless it says otherwise. */
export const OUTLIER_FAILURES = 5

/** 1 to 100, from `50%`. */
const share = leaf(
  (text) => {
    const percent = /^\d{1,3}%$/.test(text) ? Number.parseInt(text, 10) : 0
    if (percent >= 1 && percent <= 100) return read(percent)
    return unread('E_CONFIG_VALUE', 'is not a share; expected 1% to 100%')
  },
  {
    type: 'string',
    pattern: '^[0-9]{1,3}%$',
    description: "The part of the service's upstreams that may be out at once, rounded down.",
  },
)

export const outlierSchema = z.strictObject({
  failures: countOr(
    'off',
    1,
    OUTLIER_FAILURES_MAX,
    'So many connects in a row that fail, over all workers, take an upstream out. `off` takes none out.',
  ).optional(),
  ejectFor: duration(
    { minMs: 1000 },
    'How long it stays out the first time; twice as long the second, and so on.',
  ).prefault('30s'),
  ejectForMax: duration({ minMs: 1000 }, 'The longest that it stays out.').prefault('300s'),
  maxEjected: share.prefault('50%'),
})
