/** What this process may use: its container's limit where there is one. */
import { totalmem } from 'node:os'

export function memoryBytes(): number {
  const constrained = process.constrainedMemory()
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem()
}
