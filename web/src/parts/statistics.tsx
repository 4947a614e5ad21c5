/** The charts of the node or of a service over a chosen span, with attacks marked. */
import { useMemo } from 'preact/hooks'
import { marksOf, useAttacks } from '../attack-news.ts'
import { bytes, count } from '../format.ts'
import { span, useSeries } from '../series.ts'
import { SPANS, type WindowData } from '../series-window.ts'
import { Chart } from './chart.tsx'
import type { ChartData, Mark } from './chart-data.ts'

const FIELDS = [
  'connectionsOpen',
  'connectionsNew',
  'refused',
  'connectFailures',
  'bytesToUpstream',
  'bytesToClient',
] as const
type Field = (typeof FIELDS)[number]

interface Drawing {
  readonly title: string
  readonly lines: readonly { readonly label: string; readonly field: Field }[]
  readonly isBytes?: boolean
}

const DRAWINGS: readonly Drawing[] = [
  {
    title: 'Open connections',
    lines: [{ label: 'Open', field: 'connectionsOpen' }],
  },
  {
    title: 'Clients a second',
    lines: [
      { label: 'Let in', field: 'connectionsNew' },
      { label: 'Refused', field: 'refused' },
      { label: 'Failed connects', field: 'connectFailures' },
    ],
  },
  {
    title: 'Traffic',
    lines: [
      { label: 'To upstreams', field: 'bytesToUpstream' },
      { label: 'To clients', field: 'bytesToClient' },
    ],
    isBytes: true,
  },
]

/** `service`: without one it is the node. */
export function Statistics({ service }: { readonly service?: string }) {
  const { data, hasCome, isPartial, error } = useSeries(FIELDS, service)
  const attacks = useAttacks()
  // The page around it is drawn once a second; a chart only when it has something new.
  const drawings = useMemo(() => {
    const marks = inSpan(marksOf(attacks, service), data)
    return DRAWINGS.map((drawing) => ({ drawing, shown: drawn(drawing, data, marks) }))
  }, [attacks, data, service])
  return (
    <section aria-labelledby="statistics">
      <div class="heading">
        <h2 id="statistics">Statistics</h2>
        <SpanPicker />
      </div>
      {error !== undefined && (
        <p class="banner bad" role="alert">
          {error}
        </p>
      )}
      {isPartial && (
        <p class="banner warn">
          The store does not answer: what is older than the daemon&apos;s memory is missing.{' '}
          <code>tidegate status</code> says why.
        </p>
      )}
      {hasCome ? (
        <div class="charts">
          {drawings.map(({ drawing, shown }) => (
            <Chart
              key={drawing.title}
              title={drawing.title}
              about={[service ?? 'node', span.value.name]}
              data={shown}
              format={drawing.isBytes === true ? bytesPerSecond : count}
              isBytes={drawing.isBytes === true}
            />
          ))}
        </div>
      ) : (
        error === undefined && <p class="quiet">Loading…</p>
      )}
    </section>
  )
}

function bytesPerSecond(value: number): string {
  return `${bytes(value)}/s`
}

function drawn({ lines }: Drawing, { times, columns }: WindowData, marks: readonly Mark[]): ChartData {
  return { times, marks, lines: lines.map(({ label, field }) => ({ label, values: columns[field] ?? [] })) }
}

function inSpan(marks: readonly Mark[], { times }: WindowData): readonly Mark[] {
  const [first] = times
  return marks.filter(({ toS }) => first !== undefined && (toS === undefined || toS >= first))
}

function SpanPicker() {
  return (
    <fieldset class="spans">
      <legend class="unseen">How far back</legend>
      {SPANS.map((one) => (
        <label key={one.name} title={one.title}>
          <input type="radio" name="span" checked={one === span.value} onChange={() => (span.value = one)} />
          {one.name}
        </label>
      ))}
    </fieldset>
  )
}
