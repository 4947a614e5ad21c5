/** Fields of forms with their labels, each bound to a signal. */
import type { Signal } from '@preact/signals'
import type { ComponentChildren } from 'preact'

interface TextFieldProps {
  readonly id: string
  readonly label: string
  readonly value: Signal<string>
  readonly maxLength: number
  readonly type?: 'text' | 'search'
  readonly placeholder?: string
  /** An address or a name: no spelling, no capitals. */
  readonly isCode?: boolean
  readonly onInput?: () => void
}

export function TextField({
  id,
  label,
  value,
  maxLength,
  type = 'text',
  placeholder,
  isCode,
  onInput,
}: TextFieldProps) {
  const common = {
    id,
    ...(isCode ? { class: 'mono', autocapitalize: 'off' as const } : {}),
    spellcheck: !isCode,
    value: value.value,
    maxLength,
    placeholder,
    onInput: ({ currentTarget }: { readonly currentTarget: HTMLInputElement }) => {
      value.value = currentTarget.value
      onInput?.()
    },
  }
  return (
    <div class="field grows">
      <label for={id}>{label}</label>
      {type === 'search' ? <input type="search" {...common} /> : <input type="text" {...common} />}
    </div>
  )
}

interface LinesFieldProps {
  readonly id: string
  readonly label: string
  readonly value: Signal<string>
  readonly rows: number
  readonly placeholder: string
}

export function LinesField({ id, label, value, rows, placeholder }: LinesFieldProps) {
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
        value={value.value}
        onInput={({ currentTarget }) => (value.value = currentTarget.value)}
      />
    </div>
  )
}

interface CheckFieldProps {
  readonly value: Signal<boolean>
  readonly children: ComponentChildren
}

export function CheckField({ value, children }: CheckFieldProps) {
  return (
    <label class="check">
      <input
        type="checkbox"
        checked={value.value}
        onChange={({ currentTarget }) => (value.value = currentTarget.checked)}
      />
      <span>{children}</span>
    </label>
  )
}
