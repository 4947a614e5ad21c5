import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseNetwork } from '../../lib/ip.ts'
import type { AttackRecord } from '../detect/attack.ts'
import { makeBan } from '../bans/ban.ts'
import { Mirrors } from './mirrors.ts'

const rest = { sinceMs: 5, untilMs: Infinity, why: '', by: '', repeated: 0, isWatched: false }
const BAN = makeBan(parseNetwork('192.0.2.1')!, { origin: 'manual', ...rest })
const BY_ORIGIN = { manual: 1, strikes: 0, neighbours: 0, signals: 0 }
const VIEW = { total: 1, active: BY_ORIGIN, made: BY_ORIGIN, watched: BY_ORIGIN }

function mirrors(): { readonly mirrors: Mirrors; readonly copied: string[] } {
  const copied: string[] = []
  const refuse = (): never => assert.fail('not asked for')
  const note = (what: string) => async () => void copied.push(what)
  return {
    copied,
    mirrors: new Mirrors({
      attacks: { list: () => [{ service: 'web', start: '', updated: '', ended: null } as AttackRecord] },
      bans: { view: () => ({ ...VIEW, displaced: 0, spared: 0, sourcesForgotten: 0 }), list: () => [BAN] },
      store: {
        attacks: { put: note('attacks'), list: refuse, find: refuse },
        bans: { replace: note('bans'), list: refuse },
      },
    }),
  }
}

test('what is left is copied at the end', async () => {
  const { mirrors: all, copied } = mirrors()
  all.start()
  await all.close()
  assert.deepEqual(copied, ['attacks', 'bans'])
})

test('once the next version copies, this one does not', async () => {
  const { mirrors: all, copied } = mirrors()
  all.start()
  all.leave()
  await all.close()
  assert.deepEqual(copied, [])
})
