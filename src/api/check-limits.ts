/** check-ip, of limits for sources: what an address and its prefix have open, and which limit would refuse it now. */
import type { NodeView } from '../control/node-view.ts'
import { monotonicMs } from '../lib/clock.ts'
import { formatIp } from '../lib/ip.ts'
import { REASONS } from '../traffic/admit/admission.ts'
import { SOURCE, SourceTable, TAKEN } from '../traffic/admit/source-table.ts'
import { WORKER_STRIDE } from '../traffic/counters.ts'
import type { KnownFinding } from './known-finding.ts'

const SPANS = [
  { kind: SOURCE.address, limitsOf: 'perAddress', what: spanOfAddress },
  { kind: SOURCE.prefix, limitsOf: 'perPrefix', what: spanOfPrefix },
] as const

/** Services that know nothing of the address have nothing to say, and no limit holds for one on the allow list. */
export function limitFindings(node: NodeView, address: Uint8Array): KnownFinding[] {
  if ((node.lists()?.covering('allow', address).length ?? 0) > 0) return []
  const sources = new SourceTable(node.memory.sourceMemory, new Float64Array(WORKER_STRIDE))
  const family = address.length === 4 ? 4 : 6
  const nowMs = monotonicMs()
  return node.tables().services.flatMap(({ index, name, protect }) =>
    SPANS.flatMap(({ kind, limitsOf, what }): KnownFinding[] => {
      const limits = protect[limitsOf]
      if (limits.rule === 'off') return []
      const { open, verdict } = sources.look(index, kind, address, 0, family, limits, nowMs)
      if (open === 0 && verdict === TAKEN) return []
      const most = limits.connectionsMax === 0 ? '' : ` of ${limits.connectionsMax}`
      const has = `Service ${name}: ${what(address)} has ${open}${most} connections open`
      if (verdict === TAKEN) return [{ code: 'counted', text: `${has}.`, service: name }]
      const would = limits.rule === 'on' ? 'the next is refused' : 'the next would be refused, were the rule on'
      return [{ code: 'over-limit', text: `${has}; ${would} (${REASONS[kind][verdict]}).`, service: name }]
    }),
  )
}

function spanOfAddress(address: Uint8Array): string {
  return address.length === 4 ? 'the address' : 'its /64'
}

function spanOfPrefix(address: Uint8Array): string {
  const bytes = address.slice()
  bytes.fill(0, address.length === 4 ? 3 : 6)
  return `its prefix ${formatIp(bytes)}/${address.length === 4 ? 24 : 48}`
}
