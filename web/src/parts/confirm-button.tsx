/** A button for what cannot be taken back: it asks once more, in place. */
import { useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'
import { useFocusOnward } from './focus-onward.ts'

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
  const asking = useFocusOnward()
  const no = useRef<HTMLButtonElement>(null)
  // The focus goes to the answer that does nothing, before anybody can press the next key; and back: who uses the
  // keyboard is not sent to the top of the page.
  useLayoutEffect(() => {
    if (asks.value) no.current?.focus()
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
      <span>{question}</span>
      <button type="button" ref={no} onClick={() => answer(false)}>
        No
      </button>
      <button type="button" class="danger" onClick={() => answer(true)}>
        Yes
      </button>
    </span>
  )
}
