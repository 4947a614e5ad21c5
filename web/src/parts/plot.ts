/** uPlot as our charts want it: in the colours of the page, with marks, and without a legend of its own. */
import uPlot from 'uplot'
import type { ChartData, Mark } from './chart-data.ts'

/** Told apart by more than their colour. */
const DASHES: readonly number[][] = [[], [6, 4], [2, 3], [10, 3, 2, 3]]
const LINES_MAX = 4
const HEIGHT_PX = 220
const MINUTE_S = 60
const DAY_S = 86_400

export interface PlotOptions {
  readonly data: ChartData
  readonly width: number
  readonly format: (value: number) => string
  /** Ticks at powers of two. */
  readonly isBytes: boolean
  readonly onCursor: (index: number | undefined) => void
}

export class Plot {
  readonly #plot: uPlot
  #marks: readonly Mark[]

  constructor(into: HTMLElement, options: PlotOptions) {
    this.#marks = options.data.marks
    this.#plot = new uPlot(this.#options(options, into), aligned(options.data), into)
  }

  show(data: ChartData): void {
    this.#marks = data.marks
    this.#plot.setData(aligned(data))
  }

  resize(width: number): void {
    if (width > 0 && width !== this.#plot.width) this.#plot.setSize({ width, height: HEIGHT_PX })
  }

  /** Puts the cursor at a value, or away. */
  pointAt(index: number | undefined): void {
    const time = index === undefined ? undefined : this.#plot.data[0][index]
    const left = time === undefined ? -10 : this.#plot.valToPos(time, 'x')
    this.#plot.setCursor({ left, top: time === undefined ? -10 : 0 })
  }

  /** With its title, on the ground of the page. */
  toPng(title: string): Promise<Blob | null> {
    const { canvas } = this.#plot.ctx
    const scale = devicePixelRatio
    const top = Math.round(36 * scale)
    const image = document.createElement('canvas')
    image.width = canvas.width
    image.height = canvas.height + top
    const context = image.getContext('2d')
    if (context === null) return Promise.resolve(null)
    context.fillStyle = colour('--card')
    context.fillRect(0, 0, image.width, image.height)
    context.fillStyle = colour('--text')
    context.font = `600 ${Math.round(14 * scale)}px system-ui, sans-serif`
    context.fillText(title, 12 * scale, 24 * scale)
    context.drawImage(canvas, 0, top)
    return new Promise((resolve) => image.toBlob(resolve, 'image/png'))
  }

  destroy(): void {
    this.#plot.destroy()
  }

  #options({ data, width, format, isBytes, onCursor }: PlotOptions, into: HTMLElement): uPlot.Options {
    const axis = { stroke: colour('--quiet'), grid: { stroke: colour('--line'), width: 1 }, ticks: { show: false } }
    return {
      width: Math.max(200, width || into.clientWidth),
      height: HEIGHT_PX,
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false } },
      scales: { x: { time: true }, y: { range: (_, __, max) => [0, niceTop(max)] } },
      axes: [
        {
          ...axis,
          size: 38,
          space: 44,
          incrs: TIME_STEPS_S,
          values: (_, splits, __, ___, incr) => splits.map((at, i) => timeText(at, incr, splits[i - 1])),
        },
        {
          ...axis,
          size: isBytes ? 76 : 52,
          values: (_, splits) => splits.map(format),
          ...(isBytes ? { incrs: POWERS_OF_TWO } : {}),
        },
      ],
      series: [{}, ...data.lines.slice(0, LINES_MAX).map((line, i) => lineOptions(line.label, i))],
      hooks: {
        drawClear: [(plot) => this.#drawMarks(plot)],
        setCursor: [({ cursor: { idx, left } }) => onCursor((left ?? -1) < 0 ? undefined : (idx ?? undefined))],
      },
    }
  }

  #drawMarks(plot: uPlot): void {
    const { ctx, bbox } = plot
    const end = plot.data[0].at(-1) ?? 0
    ctx.save()
    ctx.beginPath()
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height)
    ctx.clip()
    ctx.textAlign = 'left'
    ctx.textBaseline = 'alphabetic'
    ctx.font = `${Math.round(11 * devicePixelRatio)}px system-ui, sans-serif`
    for (const { label, fromS, toS = end } of this.#marks) {
      const from = plot.valToPos(fromS, 'x', true)
      const width = Math.max(2, plot.valToPos(toS, 'x', true) - from)
      ctx.fillStyle = colour('--bad-ground')
      ctx.fillRect(from, bbox.top, width, bbox.height)
      ctx.fillStyle = colour('--bad')
      ctx.fillRect(from, bbox.top, width, 3 * devicePixelRatio)
      ctx.fillText(label, Math.max(from, bbox.left) + 4 * devicePixelRatio, bbox.top + 16 * devicePixelRatio)
    }
    ctx.restore()
  }
}

/** The class of a line's swatch in the legend is `line-1` and so on: the same colours, and the same dashes. */
function lineOptions(label: string, index: number): uPlot.Series {
  const stroke = colour(`--line-${index + 1}`)
  const dash = DASHES[index]
  const points: uPlot.Series.Points = { show: true, size: 4, fill: stroke, filter: lonelyPoints }
  return { label, stroke, width: 2, spanGaps: false, points, ...(dash.length > 0 ? { dash } : {}) }
}

/** A value between two gaps has no line to be on. */
const lonelyPoints: uPlot.Series.Points.Filter = (plot, line) => {
  const values = plot.data[line]
  const isGap = (at: number): boolean => values[at] === null || values[at] === undefined
  return Array.from(values.keys()).filter((at) => !isGap(at) && isGap(at - 1) && isGap(at + 1))
}

function aligned({ times, lines }: ChartData): uPlot.AlignedData {
  return [[...times], ...lines.slice(0, LINES_MAX).map(({ values }) => values.slice())]
}

export function colour(variable: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(variable).trim()
}

const HOUR_S = 60 * MINUTE_S
const TIME_STEPS_S = [
  ...[1, 5, 10, 15, 30].map((seconds) => seconds),
  ...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * MINUTE_S),
  ...[1, 2, 4, 6, 12].map((hours) => hours * HOUR_S),
  ...[1, 2, 4, 7, 14].map((days) => days * DAY_S),
]
const POWERS_OF_TWO = Array.from({ length: 51 }, (_, i) => 2 ** i)

/** Some room above, and a line at 0 that looks like one. */
function niceTop(max: number | null): number {
  return max === null || max <= 0 ? 1 : max * 1.15
}

const CLOCK = new Intl.DateTimeFormat('sv', { hour: '2-digit', minute: '2-digit' })
const CLOCK_WITH_SECONDS = new Intl.DateTimeFormat('sv', { hour: '2-digit', minute: '2-digit', second: '2-digit' })
const DAY = new Intl.DateTimeFormat('sv', { month: '2-digit', day: '2-digit' })

function timeText(at: number, incrS: number, before: number | undefined): string {
  const date = new Date(at * 1000)
  if (incrS >= DAY_S) return DAY.format(date)
  const clock = (incrS < MINUTE_S ? CLOCK_WITH_SECONDS : CLOCK).format(date)
  const isOtherDay = before !== undefined && DAY.format(new Date(before * 1000)) !== DAY.format(date)
  return isOtherDay ? `${clock}\n${DAY.format(date)}` : clock
}
