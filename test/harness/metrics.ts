/** Reads the Prometheus text format as far as the tests need it. */
type Labels = Record<string, string>

interface Sample {
  readonly name: string
  readonly labels: Labels
  readonly value: number
}

/** What only rises as long as the daemon runs. */
const COUNTER = /_(?:total|count|sum|bucket)$/

export class Metrics {
  readonly #lines: readonly string[]
  readonly #since: Metrics | undefined

  /** With `since`, counters begin there. */
  constructor(text: string, since?: Metrics) {
    this.#lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
    this.#since = since
  }

  /** The sum of all samples with this name and at least these labels; 0 where there is none, as in Prometheus. */
  sum(name: string, labels: Labels = {}): number {
    const wanted = Object.entries(labels)
    const sum = this.#named(name)
      .filter((sample) => wanted.every(([key, value]) => sample.labels[key] === value))
      .reduce((all, { value }) => all + value, 0)
    return this.#since === undefined || !COUNTER.test(name) ? sum : sum - this.#since.sum(name, labels)
  }

  /** What is not 0, for who reads it. */
  linesOf(prefix: string, labels: Labels): readonly string[] {
    const wanted = Object.entries(labels).map(([key, value]) => `${key}="${value}"`)
    return this.#lines.filter(
      (line) => line.startsWith(prefix) && wanted.every((label) => line.includes(label)) && !/ 0$|_bucket/.test(line),
    )
  }

  has(name: string): boolean {
    return this.#named(name).length > 0
  }

  /** Of some thousand lines few are asked for, and often. */
  #named(name: string): Sample[] {
    return this.#lines
      .filter((line) => line.startsWith(name))
      .map(parseSample)
      .filter((sample) => sample.name === name)
  }
}

function parseSample(line: string): Sample {
  const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)/.exec(line)
  if (match === null) throw new Error(`not a line of the Prometheus format: ${line}`)
  const labels: Labels = {}
  for (const [, key, value] of (match[2] ?? '').matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) labels[key] = value
  return { name: match[1], labels, value: Number(match[3]) }
}
