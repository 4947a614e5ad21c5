/** What for, and for how long: the choices that operators need. */
import type { Signal } from '@preact/signals'
import { Choice, Field } from './field.tsx'

const CHOICES: readonly [ms: string, text: string][] = [
  ['600000', '10 minutes'],
  ['3600000', '1 hour'],
  ['14400000', '4 hours'],
  ['86400000', '1 day'],
  ['604800000', '7 days'],
  ['2592000000', '30 days'],
  ['0', 'until it is removed'],
]
export const TTL_MS_DEFAULT = 4 * 3_600_000

interface WhyAndTtlProps {
  readonly label?: string
  readonly commentMax: number
  readonly comment: Signal<string>
  readonly ttlMs: Signal<number>
}

export function WhyAndTtl({ label = 'Why', commentMax, comment, ttlMs }: WhyAndTtlProps) {
  return (
    <>
      <Field
        label={label}
        value={comment.value}
        onValue={(value) => (comment.value = value)}
        required={false}
        maxLength={commentMax}
        grows
      />
      <Choice label="For" value={String(ttlMs.value)} words={CHOICES} onValue={(ms) => (ttlMs.value = Number(ms))} />
    </>
  )
}
