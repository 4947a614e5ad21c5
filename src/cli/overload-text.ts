/** The line about the node's overload, in `tidegate status` and `tidegate shield show`. */
import type { OverloadStatus } from '../api/contract.ts'
import type { Painter } from './painter.ts'
import { count, shown } from './table.ts'

export function overloadText({ level, causes, knownClients }: OverloadStatus, paint: Painter): string {
  const clients = `${count(knownClients)} known ${knownClients === 1 ? 'client' : 'clients'}`
  if (level === 0) return `overload  none, ${clients}`
  const names = Object.entries(causes).map(([cause, wanted]) => `${shown(cause)} (asks for ${count(wanted)})`)
  const why = names.length === 0 ? 'easing' : `because of ${names.join(', ')}`
  return paint('yellow', `overload  level ${count(level)} of 4, ${why}; ${clients}`)
}
