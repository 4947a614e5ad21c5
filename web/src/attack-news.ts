/** Which attacks there were and are, for marks on charts: asked for anew when one begins or ends. */
import { computed, effect, signal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import type { AttacksAnswer } from '../../src/api/contract.ts'
import { get } from './api.ts'
import { services } from './live.ts'
import type { Mark } from './parts/chart-data.ts'

const NOTHING: AttacksAnswer = { services: [], attacks: [] }
export const attacks = signal<AttacksAnswer>(NOTHING)

/** The numbers of those under way, as text: equal as long as none begins or ends. */
const underWay = computed(() =>
  services.value
    .filter(({ attack }) => typeof attack === 'number')
    .map(({ name, attack }) => `${name} ${attack}`)
    .join('\n'),
)

/** What the detector sees changes all the time; who looks at it says so. */
export function useAttacks(everyMs?: number): AttacksAnswer {
  useEffect(() => {
    let isOver = false
    const ask = async (): Promise<void> => {
      const answer = await get<AttacksAnswer>('/api/v1/attacks').catch(() => undefined)
      if (!isOver && answer !== undefined) attacks.value = answer
    }
    const stop = effect(() => {
      // Read, so that it is asked again when it changes.
      if (underWay.value !== undefined) void ask()
    })
    const timer = everyMs === undefined ? undefined : setInterval(() => void ask(), everyMs)
    return () => {
      isOver = true
      stop()
      clearInterval(timer)
    }
  }, [everyMs])
  return attacks.value
}

export function marksOf(answer: AttacksAnswer, service?: string): Mark[] {
  return answer.attacks
    .filter((attack) => service === undefined || attack.service === service)
    .map(({ id, start, end }) => ({
      label: `Attack ${id}`,
      fromS: Date.parse(start) / 1000,
      toS: end === null ? undefined : Date.parse(end) / 1000,
    }))
}
