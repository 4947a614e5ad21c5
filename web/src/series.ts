/** Statistics over time for a page: asked for in the rhythm of the span, and only while the page is seen. */
import { signal, useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import type { SeriesAnswer } from '../../src/api/contract.ts'
import { get, look } from './api.ts'
import { type Span, SeriesWindow, SPANS, type WindowData } from './series-window.ts'

/** Chosen once for all pages. */
export const span = signal<Span>(SPANS[1])

export interface SeriesState {
  readonly data: WindowData
  /** False while the first answer is awaited. */
  readonly hasCome: boolean
  /** Only what is in memory is there. */
  readonly isPartial: boolean
  readonly error: string | undefined
}

const NOTHING: SeriesState = { data: { times: [], columns: {} }, hasCome: false, isPartial: false, error: undefined }

/** Of a service, or of the node. */
export function useSeries(fields: readonly string[], service?: string): SeriesState {
  const state = useSignal<SeriesState>(NOTHING)
  const chosen = span.value
  const names = fields.join(',')
  useEffect(() => {
    state.value = NOTHING
    return follow(new SeriesWindow(chosen, fields), service, (next) => (state.value = { ...state.value, ...next }))
  }, [chosen, names, service])
  return state.value
}

function follow(window: SeriesWindow, service: string | undefined, say: (state: Partial<SeriesState>) => void) {
  let isOver = false
  let isAsking = false
  const ask = async (how: typeof get): Promise<void> => {
    if (isAsking || document.hidden) return
    isAsking = true
    try {
      const answer = await how<SeriesAnswer>(pathFor(window, service, Date.now()))
      if (isOver) return
      window.take(answer, Date.now())
      say({ data: window.data, hasCome: true, isPartial: !answer.complete, error: undefined })
    } catch (error) {
      if (!isOver) say({ error: error instanceof Error ? error.message : String(error) })
    } finally {
      isAsking = false
    }
  }
  void ask(get)
  const timer = setInterval(() => void ask(look), window.span.everyMs)
  const hear = (): void => void ask(look)
  document.addEventListener('visibilitychange', hear)
  return () => {
    isOver = true
    clearInterval(timer)
    document.removeEventListener('visibilitychange', hear)
  }
}

function pathFor(window: SeriesWindow, service: string | undefined, nowMs: number): string {
  const query = new URLSearchParams({
    fields: window.fields.join(','),
    from: window.from(nowMs),
    step: `${window.span.stepMs / 1000}s`,
  })
  if (service !== undefined) query.set('service', service)
  return `/api/v1/series?${query.toString()}`
}
