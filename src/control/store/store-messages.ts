/** What the store and its thread say to each other. */
import type { StoreErrorCode } from './store-error.ts'

/** Room for a year of everything, many times over; a store that grows beyond is full, not the disk. */
export const STORE_BYTES_MAX = 4 * 1024 ** 3

export interface StoreThreadStart {
  readonly path: string
  readonly bytesMax: number
  /** It is looked through in full before it is used, indexes too. */
  readonly isSuspect: boolean
}

/** A damaged file. */
export interface SetAside {
  readonly movedTo: string
  readonly reason: string
}

export interface StoreFailure {
  readonly code: StoreErrorCode
  readonly message: string
}

export type StoreRequest =
  | {
      readonly kind: 'call'
      readonly id: number
      readonly table: string
      readonly name: string
      readonly args: readonly unknown[]
    }
  | { readonly kind: 'backup'; readonly id: number; readonly path: string }
  /** Writes something as large as a batch, and takes it back: is there room again? */
  | { readonly kind: 'probe'; readonly id: number }
  | { readonly kind: 'close' }

export type StoreReport =
  | { readonly kind: 'opened'; readonly setAside: SetAside | undefined }
  /** The thread ends. */
  | { readonly kind: 'not-opened'; readonly failure: StoreFailure }
  | { readonly kind: 'done'; readonly id: number; readonly result: unknown }
  | { readonly kind: 'failed'; readonly id: number; readonly failure: StoreFailure }
