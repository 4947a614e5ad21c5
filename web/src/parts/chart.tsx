/**
 * A chart over time: for the eye a plot, for everybody its values in words, by arrow keys, and as a table; to take along
 * as CSV and PNG.
 */
import { useSignal } from '@preact/signals'
import { useEffect, useId, useRef } from 'preact/hooks'
import { fileName } from '../csv.ts'
import { download } from '../download.ts'
import { time } from '../format.ts'
import { type ChartData, chartCsv, isoTime, marksAt, stepOf, summaryOf } from './chart-data.ts'
import { Plot, type PlotOptions } from './plot.ts'
import 'uplot/dist/uPlot.min.css'
import './chart.css'

interface ChartProps {
  readonly title: string
  /** Of what it is, and how long: for the names of files. */
  readonly about: readonly string[]
  readonly data: ChartData
  readonly format: (value: number) => string
  readonly isBytes?: boolean
}

export function Chart({ title, about, data, format, isBytes = false }: ChartProps) {
  const id = useId()
  const at = useSignal<number | undefined>(undefined)
  const { place, plot } = usePlot({ data, format, isBytes, onCursor: (index) => (at.value = index) })
  const onKeyDown = (event: KeyboardEvent): void => {
    const to = moved(event.key, at.value, data.times.length)
    if (to === 'no') return
    event.preventDefault()
    plot.current?.pointAt(to)
    at.value = to
  }
  const name = fileName('tidegate', ...about, title)
  const label = `${title}. ${summaryOf(data, format)} The arrow keys read single values.`
  return (
    <figure class="chart" aria-labelledby={`${id}-title`}>
      <figcaption>
        <h3 id={`${id}-title`}>{title}</h3>
        <span class="chart-actions">
          <button type="button" onClick={() => saveCsv(data, name)}>
            CSV<span class="unseen"> of {title}</span>
          </button>
          <button type="button" onClick={() => void savePng(plot.current, title, name)}>
            PNG<span class="unseen"> of {title}</span>
          </button>
        </span>
      </figcaption>
      <Legend data={data} index={at.value} format={format} />
      <div
        class="plot"
        ref={place}
        tabIndex={0}
        role="group"
        aria-roledescription="chart"
        aria-label={label}
        onKeyDown={onKeyDown}
        onBlur={() => plot.current?.pointAt(undefined)}
      />
      <output class="unseen">{at.value !== undefined && spoken(data, at.value, format)}</output>
      <Values data={data} format={format} title={title} />
    </figure>
  )
}

/** A plot in `place`; made anew when its lines or the scheme of the page are others. */
function usePlot(options: Omit<PlotOptions, 'width'>) {
  const place = useRef<HTMLDivElement>(null)
  const plot = useRef<Plot | undefined>(undefined)
  const isDark = useSignal(matchMedia(DARK).matches)
  const labels = options.data.lines.map(({ label }) => label).join('\n')
  useEffect(() => followScheme((dark) => (isDark.value = dark)), [])
  useEffect(() => {
    const into = place.current
    if (into === null) return undefined
    const made = new Plot(into, { ...options, width: into.clientWidth })
    plot.current = made
    const unfollow = followSize(into, () => made.resize(into.clientWidth))
    return () => {
      unfollow()
      made.destroy()
      plot.current = undefined
    }
  }, [labels, isDark.value])
  useEffect(() => plot.current?.show(options.data), [options.data])
  return { place, plot }
}

const DARK = '(prefers-color-scheme: dark)'
const CSV = { type: 'text/csv;charset=utf-8' }

function followScheme(say: (isDark: boolean) => void): () => void {
  const media = matchMedia(DARK)
  const hear = (): void => say(media.matches)
  media.addEventListener('change', hear)
  return () => media.removeEventListener('change', hear)
}

function followSize(element: Element, say: () => void): () => void {
  const sizes = new ResizeObserver(say)
  sizes.observe(element)
  return () => sizes.disconnect()
}

function saveCsv(data: ChartData, name: string): void {
  download(`${name}.csv`, new Blob([chartCsv(data)], CSV))
}

async function savePng(plot: Plot | undefined, title: string, name: string): Promise<void> {
  const image = await plot?.toPng(title)
  if (image) download(`${name}.png`, image)
}

/** `no`: the key is not for us. */
function moved(key: string, at: number | undefined, count: number): number | undefined | 'no' {
  if (count === 0) return 'no'
  const last = count - 1
  switch (key) {
    case 'ArrowLeft':
      return at === undefined ? last : Math.max(0, at - 1)
    case 'ArrowRight':
      return at === undefined ? last : Math.min(last, at + 1)
    case 'Home':
      return 0
    case 'End':
      return last
    case 'Escape':
      return undefined
    default:
      return 'no'
  }
}

interface ReadingProps {
  readonly data: ChartData
  readonly format: (value: number) => string
}

/** Which line is which, with the values of now or of where the cursor is. */
function Legend({
  data: { times, lines, marks },
  index,
  format,
}: ReadingProps & { readonly index: number | undefined }) {
  const at = index ?? times.length - 1
  const when = times[at]
  const marked = when === undefined ? [] : marksAt(marks, when, stepOf(times))
  return (
    <p class="legend" aria-hidden="true">
      {lines.map(({ label, values }, i) => (
        <span key={label}>
          <svg class={`swatch line-${i + 1}`} viewBox="0 0 24 8" width={24} height={8}>
            <path d="M0 4h24" />
          </svg>{' '}
          {label} <b>{shown(values[at], format)}</b>
        </span>
      ))}
      {index !== undefined && when !== undefined && <span class="quiet">{time(isoTime(when))}</span>}
      {marked.map(({ label }) => (
        <span key={label} class="badge bad">
          {label}
        </span>
      ))}
    </p>
  )
}

function spoken({ times, lines, marks }: ChartData, index: number, format: (value: number) => string): string {
  const when = times[index]
  if (when === undefined) return ''
  const values = lines.map(({ label, values }) => `${label} ${shown(values[index], format)}`)
  const marked = marksAt(marks, when, stepOf(times)).map(({ label }) => label)
  return [time(isoTime(when)), ...values, ...marked].join(', ')
}

function Values({ data, format, title }: ReadingProps & { readonly title: string }) {
  const isOpen = useSignal(false)
  const { times, lines, marks } = data
  const stepS = stepOf(times)
  return (
    <details onToggle={(event) => (isOpen.value = event.currentTarget.open)}>
      <summary>
        Values as a table<span class="unseen"> of {title}</span>
      </summary>
      {isOpen.value && (
        <div class="values" tabIndex={0} role="region" aria-label={`Values of ${title}`}>
          <table>
            <thead>
              <tr>
                <th scope="col">Time</th>
                {lines.map(({ label }) => (
                  <th key={label} scope="col" class="number">
                    {label}
                  </th>
                ))}
                <th scope="col">Marked</th>
              </tr>
            </thead>
            <tbody>
              {times.toReversed().map((when, i) => (
                <tr key={when}>
                  <th scope="row">{time(isoTime(when))}</th>
                  {lines.map(({ label, values }) => (
                    <td key={label} class="number">
                      {shown(values[times.length - 1 - i], format)}
                    </td>
                  ))}
                  <td>
                    {marksAt(marks, when, stepS)
                      .map(({ label }) => label)
                      .join(', ')}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </details>
  )
}

function shown(value: number | null | undefined, format: (value: number) => string): string {
  return value === null || value === undefined ? '–' : format(value)
}
