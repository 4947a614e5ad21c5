/** Fields of forms with their labels, and a sentence about them or about what is wrong. */
import type { ComponentChildren } from 'preact'
import { useId } from 'preact/hooks'

interface Written {
  readonly label: string
  readonly value: string
  readonly onValue: (value: string) => void
}

interface FieldProps extends Written {
  readonly type?: 'text' | 'password' | 'search'
  readonly note?: string
  /** What is wrong with it. */
  readonly error?: string | undefined
  /** What the reader may mean. */
  readonly suggestions?: readonly string[]
  /** Takes the room that is left in its row. */
  readonly grows?: boolean
  readonly placeholder?: string
  readonly autocomplete?: string
  readonly inputMode?: 'numeric' | 'text'
  readonly required?: boolean
  readonly maxLength?: number
}

export function Field({ label, value, onValue, type = 'text', note, error, suggestions, grows, ...rest }: FieldProps) {
  const id = useId()
  const input = {
    id,
    value,
    required: true,
    autocapitalize: 'none',
    spellcheck: false,
    'aria-describedby': (error ?? note) === undefined ? undefined : `${id}-note`,
    'aria-invalid': error !== undefined,
    list: suggestions === undefined ? undefined : `${id}-known`,
    onInput: (event: { readonly currentTarget: HTMLInputElement }) => onValue(event.currentTarget.value),
    ...rest,
  } as const
  return (
    <div class={grows === true ? 'field grows' : 'field'}>
      <label for={id}>{label}</label>
      {type === 'password' ? (
        <input type="password" {...input} />
      ) : type === 'search' ? (
        <input type="search" {...input} />
      ) : (
        <input type="text" {...input} />
      )}
      {suggestions !== undefined && (
        <datalist id={`${id}-known`}>
          {suggestions.map((one) => (
            <option key={one} value={one} />
          ))}
        </datalist>
      )}
      {(error ?? note) !== undefined && (
        <div class={error === undefined ? 'quiet note' : 'bad-text note'} id={`${id}-note`}>
          {error ?? note}
        </div>
      )}
    </div>
  )
}

interface LinesFieldProps extends Written {
  readonly rows: number
  readonly placeholder: string
}

export function LinesField({ label, value, onValue, rows, placeholder }: LinesFieldProps) {
  const id = useId()
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <textarea
        id={id}
        class="mono full"
        rows={rows}
        spellcheck={false}
        autocapitalize="off"
        placeholder={placeholder}
        value={value}
        onInput={({ currentTarget }) => onValue(currentTarget.value)}
      />
    </div>
  )
}

interface ChoiceProps extends Written {
  readonly words: readonly (readonly [value: string, text: string])[]
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

interface TickProps {
  readonly isOn: boolean
  readonly onChange: (isOn: boolean) => void
  readonly children: ComponentChildren
}

export function Tick({ isOn, onChange, children }: TickProps) {
  return (
    <label class="check">
      <input type="checkbox" checked={isOn} onChange={({ currentTarget }) => onChange(currentTarget.checked)} />
      <span>{children}</span>
    </label>
  )
}
