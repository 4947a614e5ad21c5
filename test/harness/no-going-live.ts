/** For unit tests of other routes: going live, which nobody asks for. */
import assert from 'node:assert/strict'
import type { GoliveActions } from '../../src/api/routes/golive.ts'

const not = (): never => assert.fail('not asked for')

export const NO_GOING_LIVE: GoliveActions = {
  checklist: not,
  probeUpstream: not,
  probeDns: not,
  firewall: not,
  config: not,
  cutOvers: { states: not, state: not, switch: not, plan: not, cancel: not },
  exposures: { take: not, list: not, vantages: not },
}
