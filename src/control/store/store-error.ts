/** What can go wrong with the store, and what to do about it. */

export const STORE_ERROR_CODES = {
  E_STORE_OFF: 'The store is not open: nothing is read and nothing kept.',
  E_STORE_FULL: 'The disk, or the store itself, has no room left.',
  E_STORE_IO: 'The disk or its file system refuses to read or write.',
  E_STORE_READ_ONLY: 'The file or its folder may not be written.',
  E_STORE_DAMAGED: 'The file is damaged; it is set aside and begun anew.',
  E_STORE_GONE: 'The file was moved or deleted while it was open; it is begun anew.',
  E_STORE_NEWER: 'The file was written by a newer version.',
  E_STORE_FOREIGN: 'The file is not ours.',
  E_STORE_BUSY: 'Too much waits for the store, or another process holds it.',
  E_STORE_LATE: 'The answer did not come in time; what was asked for may still be done.',
  E_STORE_EXISTS: 'There is one of that name already.',
  E_STORE_VALUE: 'The value is larger, or there are more of them, than is kept.',
  E_STORE_LAST_ADMIN: 'Without this user nobody could administer the node.',
  E_STORE_INTERNAL: 'A defect; please report it.',
} as const
export type StoreErrorCode = keyof typeof STORE_ERROR_CODES

export class StoreError extends Error {
  readonly code: StoreErrorCode

  constructor(code: StoreErrorCode, sentence: string, cause?: unknown) {
    super(sentence, cause === undefined ? {} : { cause })
    this.name = 'StoreError'
    this.code = code
  }
}

/** Troubles of the file or its disk, as against refusals of one call. */
const TROUBLES: ReadonlySet<StoreErrorCode> = new Set<StoreErrorCode>([
  'E_STORE_FULL',
  'E_STORE_IO',
  'E_STORE_READ_ONLY',
  'E_STORE_DAMAGED',
  'E_STORE_GONE',
  'E_STORE_BUSY',
  'E_STORE_NEWER',
  'E_STORE_FOREIGN',
])

export function isTrouble(code: StoreErrorCode): boolean {
  return TROUBLES.has(code)
}

/** With these the file that is open is of no use any more: another thread opens what is there then. */
export function endsTheThread(code: StoreErrorCode): boolean {
  return code === 'E_STORE_DAMAGED' || code === 'E_STORE_GONE'
}
