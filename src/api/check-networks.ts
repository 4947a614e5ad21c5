/** What check-ip finds in the databases of countries and AS numbers, and which services refuse for it. */
import type { NodeView } from '../control/node-view.ts'
import { countryCode } from '../lib/country-code.ts'
import { UNKNOWN } from '../traffic/admit/network-database.ts'
import { isKeptOut } from '../traffic/admit/network-rules.ts'
import type { CloseReason } from '../traffic/close-reason.ts'
import type { KnownFinding } from './known-finding.ts'

const KINDS = [
  {
    kind: 'country',
    rules: 'countries',
    reason: 'refused-country',
    ruleCode: 'country-rule',
    text: (value: number) => countryCode(value),
  },
  { kind: 'asn', rules: 'asns', reason: 'refused-asn', ruleCode: 'asn-rule', text: (value: number) => `AS${value}` },
] as const

export function networkFindings(node: NodeView, address: Uint8Array): KnownFinding[] {
  return KINDS.flatMap(({ kind, rules, ruleCode, text }) => {
    const database = node.databases()?.of(kind)
    const value = node.databases()?.lookUp(kind, address)
    if (database === undefined || value === undefined) return []
    const known = value === UNKNOWN ? 'unknown' : text(value)
    const found = { code: kind, text: `${known}, by ${database.file}`, file: database.file }
    const refusing = node.tables().services.filter(({ protect }) => {
      return protect[rules].rule !== 'off' && isKeptOut(protect[rules], value)
    })
    const broken = refusing.map(({ name, protect }) => {
      const does = protect[rules].rule === 'on' ? 'refuses it' : 'would refuse it, were its rule not on watch'
      return { code: ruleCode, text: `service ${name} ${does} (protect.${rules})`, service: name }
    })
    return [found, ...broken]
  })
}

/** Where there is no service that would take it; the reason of the first. */
export function networkRefusal(node: NodeView, address: Uint8Array): CloseReason | undefined {
  const databases = node.databases()
  if (databases === undefined) return undefined
  const reasons = node.tables().services.map(({ protect }) => {
    const broken = KINDS.find(({ kind, rules }) => {
      const value = databases.lookUp(kind, address) ?? UNKNOWN
      return protect[rules].rule === 'on' && isKeptOut(protect[rules], value)
    })
    return broken?.reason
  })
  return reasons.includes(undefined) ? undefined : reasons[0]
}
