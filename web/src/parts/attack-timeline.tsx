/** Attacks on a line of time, one row for each service. The table below it says the same in words. */
import { type Signal, useSignal } from '@preact/signals'
import type { AttackView } from '../../../src/api/contract.ts'
import { time } from '../format.ts'
import { linkTo } from '../route.ts'
import { kindTitle } from './attack-words.ts'

const DAY_MS = 86_400_000
const SPANS: readonly [ms: number, text: string][] = [
  [DAY_MS / 24, '1 h'],
  [DAY_MS, '24 h'],
  [7 * DAY_MS, '7 d'],
  [30 * DAY_MS, '30 d'],
]
const WIDTH = 1000
const ROW = 26
const BAR = 14
/** A short attack of a month ago is still to be seen. */
const BAR_WIDTH_MIN = 4

export function AttackTimeline({ attacks }: { readonly attacks: readonly AttackView[] }) {
  const span = useSignal(DAY_MS)
  const untilMs = Date.now()
  const fromMs = untilMs - span.value
  const shown = attacks.filter(({ end }) => end === null || Date.parse(end) > fromMs)
  const services = [...new Set(shown.map(({ service }) => service))].sort()
  const xOf = (ms: number): number => Math.max(0, ((ms - fromMs) / span.value) * WIDTH)
  return (
    <div class="timeline">
      <SpanChoice span={span} />
      {shown.length === 0 && <p class="quiet">No attack in this time.</p>}
      {services.map((service) => (
        <div key={service} class="timeline-row">
          <span class="timeline-name">{service}</span>
          <svg
            viewBox={`0 0 ${WIDTH} ${ROW}`}
            preserveAspectRatio="none"
            role="group"
            aria-label={`Attacks on ${service}`}
          >
            <line x1="0" x2={WIDTH} y1={ROW / 2} y2={ROW / 2} class="axis" />
            {shown
              .filter((attack) => attack.service === service)
              .map(({ id, start, end, kind }) => {
                const x = xOf(Date.parse(start))
                const width = Math.max(BAR_WIDTH_MIN, xOf(end === null ? untilMs : Date.parse(end)) - x)
                return (
                  <a
                    key={id}
                    href={linkTo('attacks', String(id))}
                    aria-label={`Attack no. ${id}, ${kindTitle(kind)}, ${time(start)}`}
                  >
                    <rect
                      x={Math.min(x, WIDTH - width)}
                      y={(ROW - BAR) / 2}
                      width={width}
                      height={BAR}
                      rx="2"
                      class={end === null ? 'bar running' : 'bar'}
                    >
                      <title>{`No. ${id}, ${kindTitle(kind)}, ${time(start)}`}</title>
                    </rect>
                  </a>
                )
              })}
          </svg>
        </div>
      ))}
      <div class="timeline-ends quiet" aria-hidden="true">
        <span>{time(new Date(fromMs).toISOString())}</span>
        <span>now</span>
      </div>
    </div>
  )
}

function SpanChoice({ span }: { readonly span: Signal<number> }) {
  return (
    <div class="choices" role="group" aria-label="How much time is shown">
      {SPANS.map(([ms, text]) => (
        <button key={ms} type="button" aria-pressed={ms === span.value} onClick={() => (span.value = ms)}>
          {text}
        </button>
      ))}
    </div>
  )
}
