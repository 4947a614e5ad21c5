/** For unit tests of the admin API that are about something else. */
import assert from 'node:assert/strict'
import type { BanActions } from '../../src/api/routes/bans.ts'

export const NO_BANS: BanActions = {
  isLeft: false,
  add: () => assert.fail('nothing here bans'),
  remove: () => assert.fail('nothing here unbans'),
  flush: () => assert.fail('nothing here unbans'),
  signal: () => assert.fail('nothing here bans'),
  list: () => [],
  covering: () => [],
  view: () => assert.fail('nobody asks for bans'),
  noteAdminClient: () => {},
}
