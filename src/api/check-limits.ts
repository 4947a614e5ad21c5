/**
 * check-ip, of limits for sources: what an address, its prefix and its AS have open, and which limit the next connection
 * would meet; under attack with the budgets that hold for strangers.
 */
import type { NodeView } from '../control/node-view.ts'
import { monotonicMs } from '../lib/clock.ts'
import { formatIp } from '../lib/ip.ts'
import { limitsFor, REASONS, writeAsn } from '../traffic/admit/admission.ts'
import { KnownClients } from '../traffic/admit/known-clients.ts'
import { UNKNOWN } from '../traffic/admit/network-database.ts'
import { SourceTable, TAKEN } from '../traffic/admit/source-table.ts'
import { SOURCE, type SourceKind } from '../traffic/admit/source-key.ts'
import type { CloseReason } from '../traffic/close-reason.ts'
import { WORKER_STRIDE } from '../traffic/counters.ts'
import type { Service, SourceRule } from '../traffic/tables.ts'
import { budgetsText } from './attack-budgets-text.ts'

import type { KnownFinding } from './known-finding.ts'

/** What is counted as one source, as the table of sources knows it and as people do. */
interface Span {
  readonly kind: SourceKind
  readonly what: string
  readonly bytes: Uint8Array
  readonly family: 4 | 6
  readonly ordinary: (service: Service) => SourceRule
  /** There is none for an AS. */
  readonly budget?: (service: Service) => SourceRule
}

/** Services that know nothing of the address have nothing to say, and no limit holds for one on the allow list. */
export function limitFindings(node: NodeView, address: Uint8Array): KnownFinding[] {
  if ((node.lists()?.covering('allow', address).length ?? 0) > 0) return []
  const sources = new SourceTable(node.memory.sourceMemory, new Float64Array(WORKER_STRIDE))
  const nowMs = monotonicMs()
  const family = address.length === 4 ? 4 : 6
  const isKnown = new KnownClients(node.memory.knownClientsMemory).has(address, 0, family, nowMs)
  const spans = spansOf(node, address)
  return node.tables().services.flatMap((service) => {
    const isAlert = sources.areBudgetsStrict(service.index)
    const attack: KnownFinding[] = isAlert ? [budgetFinding(sources, service, isKnown)] : []
    return attack.concat(spans.flatMap((span) => countFindings(sources, service, span, isAlert && !isKnown, nowMs)))
  })
}

function spansOf(node: NodeView, address: Uint8Array): Span[] {
  const family = address.length === 4 ? 4 : 6
  const own = { bytes: address, family } as const
  const asn = node.databases()?.lookUp('asn', address) ?? UNKNOWN
  const asnBytes = new Uint8Array(4)
  writeAsn(asnBytes, asn)
  const spans: Span[] = [
    {
      ...own,
      kind: SOURCE.address,
      what: family === 4 ? 'the address' : 'its /64',
      ordinary: ({ protect }) => protect.perAddress,
      budget: ({ protect }) => protect.attack.perAddress,
    },
    {
      ...own,
      kind: SOURCE.prefix,
      what: prefixText(address),
      ordinary: ({ protect }) => protect.perPrefix,
      budget: ({ protect }) => protect.attack.perPrefix,
    },
  ]
  if (asn === UNKNOWN) return spans
  const ordinary = ({ protect }: Service): SourceRule => protect.perAsn
  return [...spans, { kind: SOURCE.asn, what: `its AS (AS${asn})`, bytes: asnBytes, family: 4, ordinary }]
}

function budgetFinding(sources: SourceTable, service: Service, isKnown: boolean): KnownFinding {
  const is = sources.isUnderAttack(service.index) ? 'is under attack' : 'holds strangers to its budgets for attacks'
  const who = isKnown
    ? 'the address is known, and the ordinary limits hold for it'
    : `the address is a stranger there: ${budgetsText(service.protect.attack)}`
  return { code: 'attack-budget', text: `Service ${service.name} ${is}; ${who}.`, service: service.name }
}

/** By the limits that refuse, and by a budget on watch beside them. */
function countFindings(
  sources: SourceTable,
  service: Service,
  { kind, what, bytes, family, ordinary, budget }: Span,
  isStrict: boolean,
  nowMs: number,
): KnownFinding[] {
  const own = ordinary(service)
  const strict = isStrict ? budget?.(service) : undefined
  const limits = strict === undefined ? own : limitsFor(true, own, strict)
  const isWatchedBeside = strict?.rule === 'watch' && limits !== strict
  const rules = isWatchedBeside ? [limits, strict] : [limits]
  const findings = rules.flatMap((rule): KnownFinding[] => {
    if (rule.rule === 'off') return []
    const { open, verdict } = sources.look(service.index, kind, bytes, 0, family, rule, nowMs)
    if (open === 0 && verdict === TAKEN) return []
    const most = rule.connectionsMax === 0 ? '' : ` of ${rule.connectionsMax}`
    const has = `Service ${service.name}: ${what} has ${open}${most} connections open`
    if (verdict === TAKEN) return [{ code: 'counted', text: `${has}.`, service: service.name }]
    const would = rule.rule === 'on' ? 'the next is refused' : 'the next would be refused, were the rule on'
    const reason: CloseReason = rule === strict ? 'refused-attack' : REASONS[kind][verdict]
    return [{ code: 'over-limit', text: `${has}; ${would} (${reason}).`, service: service.name }]
  })
  // A budget that is kept has nothing to add to the count by the ordinary limits.
  return findings.filter(({ code }, i) => i === 0 || code === 'over-limit')
}

function prefixText(address: Uint8Array): string {
  const bytes = address.slice()
  bytes.fill(0, address.length === 4 ? 3 : 6)
  return `its prefix ${formatIp(bytes)}/${address.length === 4 ? 24 : 48}`
}
