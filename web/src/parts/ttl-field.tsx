/** For how long: the choices that operators need. */
import type { Signal } from '@preact/signals'

const CHOICES: readonly [ms: number, text: string][] = [
  [600_000, '10 minutes'],
  [3_600_000, '1 hour'],
  [4 * 3_600_000, '4 hours'],
  [86_400_000, '1 day'],
  [7 * 86_400_000, '7 days'],
  [30 * 86_400_000, '30 days'],
  [0, 'until it is removed'],
]
export const TTL_MS_DEFAULT = 4 * 3_600_000

interface TtlFieldProps {
  readonly id: string
  readonly value: Signal<number>
}

export function TtlField({ id, value }: TtlFieldProps) {
  return (
    <div class="field">
      <label for={id}>For</label>
      <select
        id={id}
        value={String(value.value)}
        onChange={({ currentTarget }) => (value.value = Number(currentTarget.value))}
      >
        {CHOICES.map(([ms, text]) => (
          <option key={ms} value={String(ms)}>
            {text}
          </option>
        ))}
      </select>
    </div>
  )
}
