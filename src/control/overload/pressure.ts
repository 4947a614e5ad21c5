/**
 * From samples to a level of overload, 0 to 4. Pure: the level before and a sample give the level after.
 *
 *   up      one level a sample, towards the highest that any of the causes asks for
 *   down    one level after CALM_SAMPLES in a row that ask for less; a step that was reached holds until its cause is
 *           a tenth below it
 */
export const LEVEL_MAX = 4
export type OverloadLevel = 0 | 1 | 2 | 3 | 4

/** At which value a cause asks for level 1, 2, …; one with fewer steps goes no further. docs/overload.md has the table. */
export const OVERLOAD_CAUSES = {
  /** Open connections, of connectionsMax. No fourth step: at the ceiling the reserve refuses, exactly and at once. */
  connections: { steps: [0.7, 0.8, 0.9] },
  /** Resident memory of what we may use, or the kernel's memory for TCP of its own limit: whichever is nearer. */
  memory: { steps: [0.8, 0.87, 0.93, 0.97] },
  /** Milliseconds of the longest turn of any worker's loop: so long a client waits for its turn. */
  lag: { steps: [250, 500, 1000, 2000] },
  /** Times in a second that a worker found no file or no memory for a client. */
  files: { steps: [1, 2, 4, 8] },
  /** Clients that wait to be accepted, of those that may: the fullest queue of any worker. Only the linux engine can tell. */
  acceptQueue: { steps: [0.25, 0.5, 0.75, 1] },
  /** Memory of slow receivers, of what the workers may hold for them. */
  buffers: { steps: [0.8, 0.95] },
} as const satisfies Record<string, { readonly steps: readonly number[] }>
export type OverloadCause = keyof typeof OVERLOAD_CAUSES
export const OVERLOAD_CAUSE_NAMES = Object.keys(OVERLOAD_CAUSES) as readonly OverloadCause[]

/** A sample a second; what the system does not tell is 0. */
export type PressureSample = Readonly<Record<OverloadCause, number>>
export type LevelByCause = Readonly<Record<OverloadCause, number>>

export interface Pressure {
  readonly level: number
  /** What each cause asks for. */
  readonly wanted: LevelByCause
  /** Samples in a row that asked for less than `level`. */
  readonly calmSamples: number
}

const CALM_SAMPLES = 5
/** Of a step that was reached: below this part of it, it is over. */
const HOLDS_ABOVE = 0.9

export const NO_PRESSURE: Pressure = { level: 0, wanted: eachCause(() => 0), calmSamples: 0 }

export function nextPressure(before: Pressure, sample: PressureSample): Pressure {
  const wanted = eachCause((cause) => wantedLevel(OVERLOAD_CAUSES[cause].steps, sample[cause], before.wanted[cause]))
  const highest = Math.max(...Object.values(wanted))
  if (highest > before.level) return { level: before.level + 1, wanted, calmSamples: 0 }
  const calmSamples = highest < before.level ? before.calmSamples + 1 : 0
  if (calmSamples < CALM_SAMPLES) return { level: before.level, wanted, calmSamples }
  return { level: before.level - 1, wanted, calmSamples: 0 }
}

/** `held` is what it asked for before. */
function wantedLevel(steps: readonly number[], value: number, held: number): number {
  return steps.filter((step, i) => value >= (i < held ? step * HOLDS_ABOVE : step)).length
}

export function eachCause<Value>(valueOf: (cause: OverloadCause) => Value): Readonly<Record<OverloadCause, Value>> {
  const pairs = OVERLOAD_CAUSE_NAMES.map((cause) => [cause, valueOf(cause)] as const)
  return Object.fromEntries(pairs) as Record<OverloadCause, Value>
}
