import { rateMetrics } from './http-load.ts'
import type { Measure } from './measure.ts'
import { prepareSmallRequests } from './small-requests.ts'

/** Small requests on kept connections: what it costs to carry a few bytes there and back. */
export const kept: Measure = {
  name: 'kept',
  title: 'kept: small requests on 64 kept connections',
  needs: ['wrk'],
  metrics: rateMetrics('requests'),
  warmUpSeconds: 1,
  prepare: (lab) => prepareSmallRequests(lab, 'kept', false),
}
