/** GET /api/v1/doctor: what `tidegate doctor` finds, as the daemon sees it. */
import { inGroups } from '../../control/doctor/finding-groups.ts'
import { type Finding, worstLevel } from '../../control/doctor/examine.ts'
import { DOCTOR_PATH, DoctorAnswer, Problem } from '../contract.ts'
import type { App, Room } from '../room.ts'

/** A round tries system calls, runs nft and reads socket tables: some tenths of a second on a busy machine. */
const FRESH_FOR_MS = 5_000

/** Looks at this machine for the configuration that is in force. */
export type ExamineAction = () => Promise<readonly Finding[]>

export function doctorRoutes(app: App, { actions }: Room): void {
  let asked = -Infinity
  let last: Promise<DoctorAnswer> | undefined
  app.get(
    DOCTOR_PATH,
    {
      config: { role: 'viewer' },
      schema: {
        operationId: 'doctor',
        summary: 'What this machine lets Tidegate do, each finding with what to do about it.',
        tags: ['node'],
        response: { 200: DoctorAnswer, '4xx': Problem },
      },
    },
    () => {
      if (last !== undefined && performance.now() - asked < FRESH_FOR_MS) return last
      asked = performance.now()
      last = actions.examine().then(answerOf)
      last.catch(() => (last = undefined))
      return last
    },
  )
}

function answerOf(findings: readonly Finding[]): DoctorAnswer {
  const groups = inGroups(findings).map(({ group, title, findings: those }) => ({
    group,
    title,
    findings: those.map(({ id, level, sentence, remedy = null }) => ({ id, level, sentence, remedy })),
  }))
  return { level: worstLevel(findings), at: new Date().toISOString(), groups }
}
