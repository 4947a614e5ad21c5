/** A button for what cannot be taken back: it asks once more, in place. */
import { useSignal } from '@preact/signals'
import { useLayoutEffect, useRef } from 'preact/hooks'

interface SureQuestionProps {
  readonly label: string
  readonly question: string
  readonly yes: string
  readonly onYes: () => void
  readonly disabled?: boolean
}

export function SureQuestion({ label, question, yes, onYes, disabled = false }: SureQuestionProps) {
  const isAsking = useSignal(false)
  const no = useRef<HTMLButtonElement>(null)
  // Before anybody can press the next key.
  useLayoutEffect(() => {
    if (isAsking.value) no.current?.focus()
  }, [isAsking.value])
  if (!isAsking.value) {
    return (
      <button type="button" class="danger" disabled={disabled} onClick={() => (isAsking.value = true)}>
        {label}
      </button>
    )
  }
  const answer = (isYes: boolean): void => {
    isAsking.value = false
    if (isYes) onYes()
  }
  return (
    <span class="sure" role="group" aria-label={question}>
      <span>{question}</span>
      <button type="button" ref={no} onClick={() => answer(false)}>
        Cancel
      </button>
      <button type="button" class="danger" onClick={() => answer(true)}>
        {yes}
      </button>
    </span>
  )
}
