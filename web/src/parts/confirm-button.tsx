/** A button that asks once more before it does what cannot be taken back. */
import { useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useEffect, useRef } from 'preact/hooks'

interface ConfirmButtonProps {
  readonly children: ComponentChildren
  /** `End all 12?` */
  readonly question: string
  readonly onConfirm: () => void
  readonly disabled?: boolean
}

export function ConfirmButton({ children, question, onConfirm, disabled = false }: ConfirmButtonProps) {
  const asks = useSignal(false)
  const yes = useRef<HTMLButtonElement>(null)
  useEffect(() => {
    if (asks.value) yes.current?.focus()
  }, [asks.value])
  if (!asks.value) {
    return (
      <button type="button" class="danger" disabled={disabled} onClick={() => (asks.value = true)}>
        {children}
      </button>
    )
  }
  return (
    <span class="confirm" role="group" aria-label={question}>
      {question}{' '}
      <button
        type="button"
        class="danger"
        ref={yes}
        onClick={() => {
          asks.value = false
          onConfirm()
        }}
      >
        Yes
      </button>{' '}
      <button type="button" onClick={() => (asks.value = false)}>
        No
      </button>
    </span>
  )
}
