/**
 * What is wrong now, by the last report of each look: who answers strangers, and who reports no more. In memory, as
 * notifications ask every second; the store has the reports.
 */

export interface ExposureFinding {
  readonly service: string
  readonly vantage: string
  readonly host: string
  /** Of its last report. */
  readonly at: string
  /** Those of the service that it looks at. */
  readonly upstreams: readonly string[]
  /** That answer strangers. */
  readonly ports: readonly number[]
  /** It reported regularly, and has stopped. */
  readonly isSilent: boolean
}

/** Whoever has a token can report under many names; those that reported longest ago go first. */
const FINDINGS_MAX = 2_000

export class ExposureFindings {
  readonly #byLook = new Map<string, ExposureFinding>()

  get all(): readonly ExposureFinding[] {
    return [...this.#byLook.values()]
  }

  isOpen(look: string): boolean {
    return (this.#byLook.get(look)?.ports.length ?? 0) > 0
  }

  isSilent(look: string): boolean {
    return this.#byLook.get(look)?.isSilent === true
  }

  /** In place of what was known of the look; one that finds nothing leaves nothing. */
  note(look: string, finding: ExposureFinding): void {
    this.#byLook.delete(look)
    if (finding.upstreams.length === 0 || (finding.ports.length === 0 && !finding.isSilent)) return
    this.#byLook.set(look, finding)
    if (this.#byLook.size > FINDINGS_MAX) this.#byLook.delete(this.#byLook.keys().next().value!)
  }

  /** Of looks that are not among these nothing is left. */
  keepOnly(looks: ReadonlySet<string>): void {
    for (const look of this.#byLook.keys()) if (!looks.has(look)) this.#byLook.delete(look)
  }
}
