/** A labelled input, with a sentence about it or about what is wrong. */
import { useId } from 'preact/hooks'

interface FieldProps {
  readonly label: string
  readonly value: string
  readonly onValue: (value: string) => void
  readonly type?: 'text' | 'password'
  readonly note?: string
  readonly autocomplete?: string
  readonly inputMode?: 'numeric' | 'text'
  readonly required?: boolean
  readonly maxLength?: number
}

export function Field({ label, value, onValue, type = 'text', note, required = true, ...rest }: FieldProps) {
  const id = useId()
  const input = {
    id,
    value,
    required,
    autocapitalize: 'none',
    spellcheck: false,
    'aria-describedby': note === undefined ? undefined : `${id}-note`,
    onInput: (event: { readonly currentTarget: HTMLInputElement }) => onValue(event.currentTarget.value),
    ...rest,
  } as const
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {type === 'password' ? <input type="password" {...input} /> : <input type="text" {...input} />}
      {note !== undefined && (
        <div class="quiet note" id={`${id}-note`}>
          {note}
        </div>
      )}
    </div>
  )
}

interface ChoiceProps {
  readonly label: string
  readonly value: string
  readonly words: readonly (readonly [value: string, text: string])[]
  readonly onValue: (value: string) => void
}

export function Choice({ label, value, words, onValue }: ChoiceProps) {
  const id = useId()
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <select id={id} value={value} onChange={(event) => onValue(event.currentTarget.value)}>
        {words.map(([word, text]) => (
          <option key={word} value={word} selected={word === value}>
            {text}
          </option>
        ))}
      </select>
    </div>
  )
}
