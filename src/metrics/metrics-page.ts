/** The text of /metrics. Values are read from shared memory when somebody asks, never kept twice. */
import { Counter, Gauge, type Metric, Registry } from '@prometheus-io/client'
import type { NodeView } from '../control/node-view.ts'
import { METRICS, type MetricDescription, type MetricName } from './metric-names.ts'
import { type Sample, SAMPLES } from './samples.ts'

export interface MetricsPage {
  readonly contentType: string
  readonly text: () => Promise<string>
}

export function makeMetricsPage(node: NodeView): MetricsPage {
  const registry = new Registry()
  for (const name of Object.keys(METRICS) as MetricName[]) {
    registerMetric(registry, name, METRICS[name], () => SAMPLES[name](node))
  }
  return { contentType: registry.contentType, text: shareWhileRunning(() => registry.metrics()) }
}

/** A metric puts itself into the registry; its `collect` runs when the page is made. */
function registerMetric(
  registry: Registry,
  name: MetricName,
  { type, help, labels }: MetricDescription,
  samples: () => Sample[],
): Metric {
  const config = { name, help, labelNames: [...labels], registers: [registry] }
  if (type === 'counter') {
    return new Counter({
      ...config,
      collect() {
        this.reset()
        for (const sample of samples()) this.inc(sample.labels, sample.value)
      },
    })
  }
  if (type === 'gauge') {
    return new Gauge({
      ...config,
      collect() {
        this.reset()
        for (const sample of samples()) this.set(sample.labels, sample.value)
      },
    })
  }
  const histogram = new CountedHistogram(name, help, samples) as unknown as Metric
  registry.registerMetric(histogram)
  return histogram
}

/** The client's own histogram counts single observations; ours come counted. This is all that a registry asks of a metric. */
class CountedHistogram {
  readonly name: string
  readonly help: string
  readonly #samples: () => Sample[]

  constructor(name: string, help: string, samples: () => Sample[]) {
    this.name = name
    this.help = help
    this.#samples = samples
  }

  async get(): Promise<object> {
    const values = this.#samples().map(({ labels, value, suffix }) => ({
      labels,
      value,
      metricName: `${this.name}${suffix}`,
    }))
    return { name: this.name, help: this.help, type: 'histogram', values, aggregator: 'sum' }
  }
}

/** Who asks while an answer is being made gets the same answer: asking in a loop must not pile up work. */
function shareWhileRunning(make: () => Promise<string>): () => Promise<string> {
  let running: Promise<string> | undefined
  return () => {
    running ??= make().finally(() => {
      running = undefined
    })
    return running
  }
}
