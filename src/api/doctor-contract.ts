/** The part of contract.ts about what the doctor finds; import it from there. */
import { z } from 'zod'

/** GET answers a DoctorAnswer. */
export const DOCTOR_PATH = '/api/v1/doctor'

const Level = z.enum(['ok', 'warn', 'fail'])
export const DoctorFinding = z.object({
  /** A section of docs/doctor.md. */
  id: z.string(),
  level: Level,
  sentence: z.string(),
  /** What to do; on `ok`, what to do for more. */
  remedy: z.string().nullable(),
})
export type DoctorFinding = z.infer<typeof DoctorFinding>

export const DoctorAnswer = z.object({
  /** The worst of them. */
  level: Level,
  at: z.iso.datetime(),
  groups: z.array(z.object({ group: z.string(), title: z.string(), findings: z.array(DoctorFinding) })),
})
export type DoctorAnswer = z.infer<typeof DoctorAnswer>
