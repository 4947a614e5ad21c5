/** Whether what should be kept is kept, for whoever asks. */
import type { NodeView } from '../control/node-view.ts'
import type { StoreStatus } from './contract.ts'

export function storeStatus({ store }: NodeView): StoreStatus {
  const { kind, trouble } = store.state
  if (trouble === undefined) return { state: 'open' }
  const { code, message, sinceMs } = trouble
  return { state: kind === 'open' ? 'failing' : 'off', code, why: message, since: new Date(sinceMs).toISOString() }
}
