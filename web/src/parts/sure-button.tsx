/** A button for what can't be taken back: the second click counts. */
import { useState } from 'preact/hooks'

interface SureButtonProps {
  readonly verb: string
  /** What it is about, for who does not see the row. */
  readonly about: string
  readonly onSure: () => void
}

export function SureButton({ verb, about, onSure }: SureButtonProps) {
  const [isAsked, setAsked] = useState(false)
  return (
    <button
      type="button"
      class={isAsked ? 'danger' : ''}
      aria-label={isAsked ? `Really ${verb.toLowerCase()} ${about}?` : `${verb} ${about}`}
      onBlur={() => setAsked(false)}
      onClick={() => {
        setAsked(!isAsked)
        if (isAsked) onSure()
      }}
    >
      {isAsked ? 'Really?' : verb}
    </button>
  )
}
