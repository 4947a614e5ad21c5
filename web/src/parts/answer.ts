/** An answer of the API as a page needs it: asked for when the page opens, and again when it is told to or every so often. */
import { type Signal, useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { ApiError, get, look } from '../api.ts'

export interface Asked<Answer> {
  readonly answer: Answer | undefined
  /** Why there is none, or why it is old. */
  readonly problem: ApiError | undefined
  readonly again: () => void
}

/** Undefined as a path asks for nothing. */
export function useAnswer<Answer>(path: string | undefined, everyMs?: number): Asked<Answer> {
  const state: Signal<{ path: string; answer: Answer } | undefined> = useSignal(undefined)
  const problem: Signal<ApiError | undefined> = useSignal(undefined)
  const turn = useSignal(0)
  useEffect(() => {
    let isGone = false
    const ask = async (how: typeof get): Promise<void> => {
      if (path === undefined) return
      try {
        const answer = await how<Answer>(path)
        if (isGone) return
        state.value = { path, answer }
        problem.value = undefined
      } catch (error) {
        if (!isGone) problem.value = asApiError(error)
      }
    }
    void ask(get)
    // Nobody is there for it, perhaps: a session that nobody uses ends all the same.
    const timer = everyMs === undefined ? undefined : setInterval(() => void ask(look), everyMs)
    return () => {
      isGone = true
      clearInterval(timer)
    }
  }, [path, everyMs, turn.value])
  // While another search is on its way, what was found before stays.
  const isOfPath = state.value !== undefined && placeOf(state.value.path) === placeOf(path)
  const answer = isOfPath ? state.value?.answer : undefined
  return { answer, problem: problem.value, again: () => turn.value++ }
}

/** Without the query. */
function placeOf(path: string | undefined): string | undefined {
  return path?.split('?', 1)[0]
}

export function asApiError(error: unknown): ApiError {
  return error instanceof ApiError ? error : new ApiError(0, (error as Error).message)
}
