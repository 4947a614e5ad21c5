/** Something that a page asks the API to do: one at a time, with what is said of it afterwards. */
import { type Signal, useSignal } from '@preact/signals'
import { asApiError } from './answer.ts'
import type { Told } from './notice.tsx'

export interface Doing {
  readonly told: Signal<Told | undefined>
  readonly isBusy: Signal<boolean>
  /** `work` says what is told; an error is told by itself. */
  readonly run: (work: () => Promise<Told>) => Promise<void>
}

export function useDoing(onDone: () => void): Doing {
  const told = useSignal<Told | undefined>(undefined)
  const isBusy = useSignal(false)
  const run = async (work: () => Promise<Told>): Promise<void> => {
    isBusy.value = true
    try {
      told.value = await work()
    } catch (error) {
      told.value = { kind: 'bad', text: asApiError(error).message }
    }
    isBusy.value = false
    onDone()
  }
  return { told, isBusy, run }
}
