/** Counters that go on over restarts, by service; `''` is the whole node. */
import type { Database } from '../database.ts'

/** Names of services that ever were; those beyond are counted for the node only. */
export const TOTALS_SERVICES_MAX = 4_096

export interface ServiceTotals {
  readonly service: string
  /** Since when it is counted. */
  readonly sinceMs: number
  readonly counts: Readonly<Record<string, number>>
}
export type TotalsChange = Pick<ServiceTotals, 'service' | 'counts'>

interface TotalRow {
  readonly service: string
  readonly name: string
  readonly value: number
  readonly sinceMs: number
}

export const TOTALS = {
  reads: {
    all: (db: Database): ServiceTotals[] => allTotals(db),
  },
  writes: {
    /** Of a service that is gone for good. */
    forget: (db: Database, service: string): boolean =>
      db.run("DELETE FROM totals WHERE service = :service AND service <> ''", { service }) > 0,
  },
}

export function allTotals(db: Database): ServiceTotals[] {
  const byService = new Map<string, { sinceMs: number; counts: Record<string, number> }>()
  for (const row of db.all<TotalRow>('SELECT service, name, value, sinceMs FROM totals')) {
    const known = byService.get(row.service) ?? { sinceMs: row.sinceMs, counts: {} }
    known.counts[row.name] = row.value
    known.sinceMs = Math.min(known.sinceMs, row.sinceMs)
    byService.set(row.service, known)
  }
  return [...byService].map(([service, { sinceMs, counts }]) => ({ service, sinceMs, counts }))
}

/** Inside the transaction of who calls. */
export function addTotals(db: Database, changes: readonly TotalsChange[], nowMs: number): void {
  const known = new Set(
    db.all<{ service: string }>('SELECT DISTINCT service FROM totals').map(({ service }) => service),
  )
  for (const { service, counts } of changes) {
    if (!known.has(service) && known.size >= TOTALS_SERVICES_MAX && service !== '') continue
    known.add(service)
    for (const [name, value] of Object.entries(counts)) {
      db.run(
        `INSERT INTO totals (service, name, value, sinceMs) VALUES (:service, :name, :value, :nowMs)
          ON CONFLICT (service, name) DO UPDATE SET value = value + :value`,
        { service, name, value, nowMs },
      )
    }
  }
}
