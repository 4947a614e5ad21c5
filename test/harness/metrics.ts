/** Reads the Prometheus text format as far as the tests need it. */
export type Labels = Record<string, string>

export interface Sample {
  readonly name: string
  readonly labels: Labels
  readonly value: number
}

export class Metrics {
  readonly samples: readonly Sample[]

  constructor(text: string) {
    this.samples = text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map(parseSample)
  }

  /** The sum of all samples with this name and at least these labels; 0 where there is none, as in Prometheus. */
  sum(name: string, labels: Labels = {}): number {
    return this.samples
      .filter((sample) => sample.name === name && Object.entries(labels).every(([k, v]) => sample.labels[k] === v))
      .reduce((sum, sample) => sum + sample.value, 0)
  }

  has(name: string): boolean {
    return this.samples.some((sample) => sample.name === name)
  }
}

function parseSample(line: string): Sample {
  const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)/.exec(line)
  if (match === null) throw new Error(`not a line of the Prometheus format: ${line}`)
  const labels: Labels = {}
  for (const [, key, value] of (match[2] ?? '').matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) labels[key] = value
  return { name: match[1], labels, value: Number(match[3]) }
}
