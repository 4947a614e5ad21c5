/**
 * Values over time, summed up in steps: what a second, a minute or an hour brought is added to the step it is in.
 * The store fills them with what is older, the sampler with what it has in memory.
 */

/** One field of one service over all steps. */
export interface BucketRow {
  readonly service: string
  readonly field: string
  /** Seconds that said something; in the others that were measured it was 0. */
  readonly seconds: Float64Array
  readonly sum: Float64Array
  /** Of those seconds. */
  readonly min: Float64Array
  readonly max: Float64Array
}

/** As they cross a thread. */
export interface BucketParts {
  readonly fromS: number
  readonly stepS: number
  readonly measured: Float64Array
  readonly rows: readonly BucketRow[]
}

/** One value for each step; null where nothing was measured. */
export interface StepValues {
  readonly mean: readonly (number | null)[]
  readonly min: readonly (number | null)[]
  readonly max: readonly (number | null)[]
}

export class Buckets {
  readonly fromS: number
  readonly stepS: number
  readonly count: number
  /** Seconds of each step in which the node ran and was measured. */
  readonly measured: Float64Array
  readonly rows: readonly BucketRow[]

  constructor(fromS: number, stepS: number, count: number, services: readonly string[], fields: readonly string[]) {
    this.fromS = fromS
    this.stepS = stepS
    this.count = count
    this.measured = new Float64Array(count)
    this.rows = services.flatMap((service) => fields.map((field) => emptyRow(service, field, count)))
  }

  /** Takes the parts that another has filled over. */
  static from({ fromS, stepS, measured, rows }: BucketParts): Buckets {
    const buckets = new Buckets(fromS, stepS, measured.length, [], [])
    return Object.assign(buckets, { measured, rows })
  }

  get parts(): BucketParts {
    const { fromS, stepS, measured, rows } = this
    return { fromS, stepS, measured, rows }
  }

  row(service: string, field: string): BucketRow | undefined {
    return this.rows.find((row) => row.service === service && row.field === field)
  }

  /** -1 outside. */
  placeOf(atS: number): number {
    const place = Math.floor((atS - this.fromS) / this.stepS)
    return place >= 0 && place < this.count ? place : -1
  }

  addMeasured(atS: number, seconds: number): void {
    const place = this.placeOf(atS)
    if (place >= 0) this.measured[place] += seconds
  }

  add(row: BucketRow, atS: number, seconds: number, sum: number, min: number, max: number): void {
    const place = this.placeOf(atS)
    if (place < 0 || seconds === 0) return
    row.min[place] = row.seconds[place] === 0 ? min : Math.min(row.min[place], min)
    row.max[place] = Math.max(row.max[place], max)
    row.seconds[place] += seconds
    row.sum[place] += sum
  }

  values(row: BucketRow): StepValues {
    const steps = Array.from(this.measured, (measured, i) => {
      // A version that goes on beside the next one is measured in the same seconds as that.
      const seconds = Math.min(measured, this.stepS)
      if (seconds === 0) return undefined
      const min = row.seconds[i] < seconds ? 0 : row.min[i]
      return { mean: row.sum[i] / seconds, min, max: row.max[i] }
    })
    return {
      mean: steps.map((step) => step?.mean ?? null),
      min: steps.map((step) => step?.min ?? null),
      max: steps.map((step) => step?.max ?? null),
    }
  }
}

function emptyRow(service: string, field: string, count: number): BucketRow {
  const zeros = () => new Float64Array(count)
  return { service, field, seconds: zeros(), sum: zeros(), min: zeros(), max: zeros() }
}
