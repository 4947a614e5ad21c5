import type { AddressFinding, AddressFindingCode } from './contract.ts'

/** One that this version knows: a daemon says no other. */
export interface KnownFinding extends AddressFinding {
  readonly code: AddressFindingCode
}
