/**
 * `node attack.ts NAME '{"host":…,"port":…,"sources":…,…}'`, with a message channel: one attack, bounded by its plan.
 * Any message ends it; at its end it says what it has seen.
 */
import { ALL_ATTACKS, type AttackName } from './all-attacks.ts'
import { Raid, type RaidPlan } from './raid.ts'

const raid = new Raid(JSON.parse(process.argv[3]) as RaidPlan, ALL_ATTACKS[process.argv[2] as AttackName])
process.on('message', () => {
  raid.isStopping = true
})
// Nobody is left to report to.
process.on('disconnect', () => process.exit())

const report = await raid.run()
process.send?.(report, undefined, undefined, () => process.exit())
