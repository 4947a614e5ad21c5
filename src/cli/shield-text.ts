/** What `tidegate shield show` writes for people. */
import type { FirewallStatus, ShieldStatus } from '../api/contract.ts'
import { overloadText } from './overload-text.ts'
import type { Painter } from './painter.ts'
import { size } from './status-table.ts'
import { count, shown, tableLines } from './table.ts'

const STATES: Readonly<Record<FirewallStatus['state'], string>> = {
  off: 'off by configuration (protect.firewall.mode)',
  idle: 'idle: nobody to refuse yet, so there is no table',
  active: 'active',
  refused: 'refused',
  left: 'left to the next version',
}

export function shieldText({ firewall, overload }: ShieldStatus, paint: Painter): string {
  const { state, why, since, table, rules, sets, restored, without } = firewall
  const head = `kernel  ${STATES[state]}${why === undefined ? '' : `: ${shown(why)}`}`
  const lines = [
    paint(state === 'refused' ? 'yellow' : 'bold', head),
    ...(since === undefined ? [] : [`  table ${shown(table)} since ${shown(since)}`]),
    ...(restored === 0 ? [] : [paint('yellow', `  put back ${count(restored)} times after somebody flushed it`)]),
    ...without.map((reason) => paint('yellow', `  without ${shown(reason)}`)),
  ]
  const ruleRows = rules.map(({ rule, on, packets, bytes }) => ({
    cells: [shown(rule), on ? 'on' : 'off', count(packets), size(bytes)],
  }))
  const setRows = sets.map(({ name, entries, max, displaced }) => ({
    cells: [shown(name), count(entries), count(max), count(displaced)],
  }))
  lines.push('', ...tableLines(['rule', 'state', 'packets dropped', 'bytes dropped'], ruleRows, paint))
  lines.push('', ...tableLines(['set', 'entries', 'at most', 'left out'], setRows, paint))
  lines.push('', overloadText(overload, paint))
  return `${lines.join('\n')}\n`
}
