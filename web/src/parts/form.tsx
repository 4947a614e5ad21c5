/** A form that is sent by our own script: busy while it waits, and says what is wrong. */
import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'

interface FormProps {
  /** On the button. */
  readonly verb: string
  /** What it throws is shown. */
  readonly onSend: () => Promise<void>
  readonly children: ComponentChildren
  readonly isRow?: boolean
}

export function Form({ verb, onSend, children, isRow = false }: FormProps) {
  const [problem, setProblem] = useState('')
  const [isBusy, setBusy] = useState(false)
  const send = async (): Promise<void> => {
    setBusy(true)
    setProblem('')
    try {
      await onSend()
    } catch (error) {
      setProblem((error as Error).message)
    } finally {
      setBusy(false)
    }
  }
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        if (!isBusy) void send()
      }}
    >
      <div class={isRow ? 'row' : ''}>
        {children}
        <div class="field">
          <button class="main" type="submit" aria-disabled={isBusy}>
            {verb}
          </button>
        </div>
      </div>
      <p class="bad-text" role="alert">
        {problem}
      </p>
    </form>
  )
}
