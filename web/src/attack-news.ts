/** Which attacks there were and are, and what the detector sees. */
import { computed, effect, signal, useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import type { AttacksAnswer, AttackView, WatchedServiceView } from '../../src/api/contract.ts'
import { look } from './api.ts'
import { services } from './live.ts'
import type { Mark } from './parts/chart-data.ts'

const LEVELS_EVERY_MS = 5_000

const attacks = signal<readonly AttackView[]>([])

/** The numbers of those under way, as text: equal as long as none begins or ends. */
const underWay = computed(() =>
  services.value
    .filter(({ attack }) => typeof attack === 'number')
    .map(({ name, attack }) => `${name} ${attack}`)
    .join('\n'),
)

/** All that are known, the newest first; asked for anew when one begins or ends. */
export function useAttacks(): readonly AttackView[] {
  useEffect(() => {
    const ask = async (): Promise<void> => {
      const answer = await look<AttacksAnswer>('/api/v1/attacks').catch(() => undefined)
      if (answer !== undefined) attacks.value = answer.attacks
    }
    return effect(() => {
      // Read, so that it is asked again when it changes.
      if (underWay.value !== undefined) void ask()
    })
  }, [])
  return attacks.value
}

/** What the detector sees of a service; undefined before the first answer. */
export function useDetector(service: string): WatchedServiceView | undefined {
  const seen = useSignal<WatchedServiceView | undefined>(undefined)
  useEffect(() => {
    let isOver = false
    const ask = async (): Promise<void> => {
      if (document.hidden) return
      const answer = await look<AttacksAnswer>('/api/v1/attacks?limit=0').catch(() => undefined)
      if (!isOver && answer !== undefined) seen.value = answer.services.find((one) => one.service === service)
    }
    void ask()
    const timer = setInterval(() => void ask(), LEVELS_EVERY_MS)
    return () => {
      isOver = true
      clearInterval(timer)
    }
  }, [service])
  return seen.value
}

export function marksOf(all: readonly AttackView[], service?: string): Mark[] {
  return all
    .filter((attack) => service === undefined || attack.service === service)
    .map(({ id, start, end }) => ({
      label: `Attack ${id}`,
      fromS: Date.parse(start) / 1000,
      toS: end === null ? undefined : Date.parse(end) / 1000,
    }))
}
