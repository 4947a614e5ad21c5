import { rateMetrics } from './http-load.ts'
import type { Measure } from './measure.ts'
import { prepareSmallRequests } from './small-requests.ts'

/** A new connection for each small request: connect, one answer, close; 64 at a time. */
export const newConnections: Measure = {
  name: 'new',
  title: 'new: a new connection for each small request, 64 at a time',
  needs: ['wrk'],
  metrics: rateMetrics('connections'),
  warmUpSeconds: 1,
  prepare: (lab) => prepareSmallRequests(lab, 'new', true),
}
