/** What notifications have to remember over a restart: where each rule stands, and messages on their way. */
import type { Database } from '../database.ts'
import { StoreError } from '../store-error.ts'

export const NOTIFICATION_STATES_MAX = 1_000
export const DELIVERIES_MAX = 10_000
const TEXT_BYTES_MAX = 16 * 1024

export const DELIVERY_STATES = ['waiting', 'sent', 'failed'] as const
export type DeliveryState = (typeof DELIVERY_STATES)[number]

export interface Delivery {
  readonly id: number
  readonly atMs: number
  readonly channel: string
  readonly event: string
  /** What is sent; JSON. */
  readonly message: unknown
  readonly state: DeliveryState
  readonly attempts: number
  /** Of one that waits. */
  readonly nextMs: number | null
  /** Of the last attempt. */
  readonly error: string | null
}
export type NewDelivery = Pick<Delivery, 'atMs' | 'channel' | 'event' | 'message'>
export type DeliveryOutcome = Pick<Delivery, 'state' | 'attempts' | 'nextMs' | 'error'>

type DeliveryRow = Omit<Delivery, 'message'> & { message: string }

const COLUMNS = 'id, atMs, channel, event, message, state, attempts, nextMs, error'

export const NOTIFICATIONS = {
  reads: {
    /** By key: what was put. */
    states: (db: Database): { key: string; state: unknown; atMs: number }[] =>
      db
        .all<{ key: string; state: string; atMs: number }>('SELECT key, state, atMs FROM notificationStates')
        .map(({ key, state, atMs }) => ({ key, state: JSON.parse(state) as unknown, atMs })),
    /** To go on with after a restart, the oldest first. */
    waiting: (db: Database): Delivery[] =>
      db.all<DeliveryRow>(`SELECT ${COLUMNS} FROM deliveries WHERE state = 'waiting' ORDER BY id`).map(deliveryOf),
    /** The newest first; `before` is the id that the page before ended with. */
    deliveries: (db: Database, limit: number, before: number | null = null): Delivery[] =>
      db
        .all<DeliveryRow>(
          `SELECT ${COLUMNS} FROM deliveries WHERE :before IS NULL OR id < :before ORDER BY id DESC LIMIT :limit`,
          { before, limit: Math.min(limit, DELIVERIES_MAX) },
        )
        .map(deliveryOf),
  },
  writes: {
    /** Anything JSON of up to 16 KiB. */
    putState(db: Database, key: string, state: unknown, atMs: number): void {
      db.run(
        `INSERT INTO notificationStates (key, state, atMs) VALUES (:key, :state, :atMs)
          ON CONFLICT (key) DO UPDATE SET state = :state, atMs = :atMs`,
        { key, state: jsonOf(state), atMs },
      )
      db.run(
        `DELETE FROM notificationStates WHERE key IN
          (SELECT key FROM notificationStates ORDER BY atMs DESC LIMIT -1 OFFSET :max)`,
        { max: NOTIFICATION_STATES_MAX },
      )
    },
    removeState: (db: Database, key: string): boolean =>
      db.run('DELETE FROM notificationStates WHERE key = :key', { key }) === 1,
    /** Its id; it waits, and may be sent at once. */
    addDelivery(db: Database, { atMs, channel, event, message }: NewDelivery): number {
      const id = db.insert(
        `INSERT INTO deliveries (atMs, channel, event, message, state, attempts, nextMs)
          VALUES (:atMs, :channel, :event, :message, 'waiting', 0, :atMs)`,
        { atMs, channel, event, message: jsonOf(message) },
      )
      db.run('DELETE FROM deliveries WHERE id <= :last', { last: id - DELIVERIES_MAX })
      return id
    },
    settleDelivery(db: Database, id: number, outcome: DeliveryOutcome): boolean {
      const { state, attempts, nextMs, error } = outcome
      return (
        db.run(
          `UPDATE deliveries SET state = :state, attempts = :attempts, nextMs = :nextMs, error = :error
            WHERE id = :id`,
          { id, state, attempts, nextMs, error: error?.slice(0, 512) ?? null },
        ) === 1
      )
    },
  },
}

function jsonOf(value: unknown): string {
  const text = JSON.stringify(value) ?? 'null'
  if (Buffer.byteLength(text) <= TEXT_BYTES_MAX) return text
  throw new StoreError(
    'E_STORE_VALUE',
    `${Buffer.byteLength(text)} bytes are more than the store keeps of one message.`,
  )
}

function deliveryOf(row: DeliveryRow): Delivery {
  return { ...row, message: JSON.parse(row.message) as unknown }
}
