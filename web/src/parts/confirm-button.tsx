/** A button that asks once more before it does what cannot be taken back. */
import { useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'

interface ConfirmButtonProps {
  readonly children: ComponentChildren
  /** `End all 12?` */
  readonly question: string
  readonly onConfirm: () => void
  readonly disabled?: boolean
}

export function ConfirmButton({ children, question, onConfirm, disabled = false }: ConfirmButtonProps) {
  const asks = useSignal(false)
  const wasAsked = useRef(false)
  const asking = useRef<HTMLButtonElement>(null)
  const yes = useRef<HTMLButtonElement>(null)
  // The focus goes to the answer, and back: who uses the keyboard is not sent to the top of the page.
  useLayoutEffect(() => {
    if (asks.value) yes.current?.focus()
    else if (wasAsked.current) asking.current?.focus()
    wasAsked.current = asks.value
  }, [asks.value])
  const answer = (isYes: boolean): void => {
    asks.value = false
    if (isYes) onConfirm()
  }
  if (!asks.value) {
    return (
      <button type="button" class="danger" ref={asking} disabled={disabled} onClick={() => (asks.value = true)}>
        {children}
      </button>
    )
  }
  return (
    <span
      class="confirm"
      role="group"
      aria-label={question}
      onKeyDown={({ key }) => {
        if (key === 'Escape') answer(false)
      }}
    >
      {question}{' '}
      <button type="button" class="danger" ref={yes} onClick={() => answer(true)}>
        Yes
      </button>{' '}
      <button type="button" onClick={() => answer(false)}>
        No
      </button>
    </span>
  )
}
