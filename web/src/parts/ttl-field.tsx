/** For how long: the choices that operators need. */
import type { Signal } from '@preact/signals'
import { Choice } from './field.tsx'

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

export function TtlField({ value }: { readonly value: Signal<number> }) {
  return <Choice label="For" value={String(value.value)} words={CHOICES} onValue={(ms) => (value.value = Number(ms))} />
}
