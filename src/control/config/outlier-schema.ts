/** The shape of `outlier`: what takes an upstream out because connects to it fail. */
import { z } from 'zod'
import { countOr, duration, percent } from './leaf.ts'

export const OUTLIER_FAILURES_MAX = 1_000_000
/** Envoy's; `off` where a service remembers no failure at all (`retryFailedAfter: 0s`), unless it says otherwise. */
export const OUTLIER_FAILURES = 5

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
  maxEjected: percent(1, 100, "The part of the service's upstreams that may be out at once, rounded down.").prefault(
    '50%',
  ),
})
