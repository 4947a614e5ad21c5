/** GET /api/v1/shield: what the kernel refuses for us, and how near we are to our limits, for `tidegate shield show`. */
import type { NodeView } from '../control/node-view.ts'
import { overloadStatus } from './overload.ts'
import type { ShieldStatus } from './contract.ts'

export function shieldStatus(node: NodeView): ShieldStatus {
  const { state, table, rules, sets, restored, withouts } = node.firewall.view()
  return {
    firewall: {
      state: state.kind,
      ...(state.kind === 'refused' ? { why: state.why } : {}),
      ...(state.kind === 'active' ? { since: new Date(state.sinceMs).toISOString() } : {}),
      table: `inet ${table}`,
      rules: Object.entries(rules).map(([rule, { isOn, packets, bytes }]) => ({ rule, on: isOn, packets, bytes })),
      sets: sets.map(({ name, entries, entriesMax, displaced }) => ({ name, entries, max: entriesMax, displaced })),
      restored,
      without: [...withouts],
    },
    overload: overloadStatus(node),
  }
}
