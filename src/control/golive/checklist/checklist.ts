/**
 * What has to be true before clients are sent to a service, in the order in which it is done. Pure: facts in, items
 * out. Whoever shows it (the command line, the dashboard) gathers the facts.
 */
import { lookAtDns, lookAtLeaks } from './dns.ts'
import {
  CHECKLIST_IDS,
  type ChecklistId,
  type ChecklistItem,
  type ChecklistService,
  type GoliveFacts,
  type Look,
  type Verdict,
} from './item.ts'
import { lookAtExposure, lookAtFirewall } from './strangers.ts'
import { lookAtAddresses } from './upstream-address.ts'
import { lookAtUpstreams } from './upstream-ready.ts'

const LOOKS: Readonly<Record<Exclude<ChecklistId, 'cut-over'>, readonly [title: string, look: Look]>> = {
  'upstream-ready': ['Upstream ready', lookAtUpstreams],
  dns: ['DNS leads to the service', lookAtDns],
  'dns-leaks': ['DNS gives no upstream away', lookAtLeaks],
  'upstream-address': ["Upstream's address is new", lookAtAddresses],
  firewall: ["Firewall on the upstream's machine", lookAtFirewall],
  exposure: ['Upstream does not answer strangers', lookAtExposure],
}

export function checklist(service: ChecklistService, facts: GoliveFacts): ChecklistItem[] {
  const items = CHECKLIST_IDS.flatMap((id): ChecklistItem[] => {
    if (id === 'cut-over') return []
    const [title, look] = LOOKS[id]
    return [{ id, title, ...look(service, facts) }]
  })
  return [...items, { id: 'cut-over', title: 'Cut-over', ...lookAtCutOver(items, facts) }]
}

function lookAtCutOver(items: readonly ChecklistItem[], { cutOver }: GoliveFacts): Verdict {
  const at = cutOver === undefined ? '' : new Date(cutOver.atMs).toISOString()
  const left = items.filter(({ state }) => state === 'fail' || state === 'unknown').map(({ title }) => title)
  if (cutOver?.state === 'done' && left.length === 0) return { state: 'ok', saw: `Done at ${at}.` }
  if (left.length > 0) {
    const isFailing = items.some(({ state }) => state === 'fail')
    const when =
      cutOver === undefined
        ? ''
        : cutOver.state === 'done'
          ? ` It was done at ${at} all the same.`
          : ` It is planned for ${at}.`
    return {
      state: isFailing ? 'fail' : 'unknown',
      saw: `Not settled yet: ${left.join(', ')}.${when}`,
      next: 'Settle these first.',
    }
  }
  if (cutOver !== undefined) return { state: 'ok', saw: `Everything is ready; planned for ${at}.` }
  return {
    state: 'ok',
    saw: 'Everything is ready.',
    next: 'Lower the TTL, change the records, and watch tidegate top.',
  }
}
