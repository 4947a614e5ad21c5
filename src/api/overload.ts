/** How near the node is to its limits, for whoever asks. */
import type { NodeView } from '../control/node-view.ts'
import type { OverloadStatus } from './contract.ts'

export function overloadStatus({ overload }: NodeView): OverloadStatus {
  const { level, wanted, knownClients } = overload.view()
  const causes = Object.fromEntries(Object.entries(wanted).filter(([, wantedLevel]) => wantedLevel > 0))
  return { level, causes, knownClients }
}
