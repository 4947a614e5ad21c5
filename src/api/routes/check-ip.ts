/** GET /api/v1/check-ip?address=: everything this node knows about an address, and whether it would be let in. */
import { networkInterfaces } from 'node:os'
import { z } from 'zod'
import type { ListAction } from '../../control/lists/list-tables.ts'
import { placeText } from '../../control/lists/lists.ts'
import type { NodeView } from '../../control/node-view.ts'
import { formatIp, parseIp } from '../../lib/ip.ts'
import type { Network } from '../../lib/ip.ts'
import { banSentence } from '../../control/bans/ban-lines.ts'
import type { CloseReason } from '../../traffic/close-reason.ts'
import { limitFindings } from '../check-limits.ts'
import { networkFindings, networkRefusal } from '../check-networks.ts'
import { type AddressFindingCode, ADMIN_PATHS, CheckIpAnswer, Problem } from '../contract.ts'
import type { KnownFinding } from '../known-finding.ts'
import { ApiProblem } from '../problem.ts'
import type { App, Room } from '../room.ts'

export const ADDRESS_PARAMETER = 'address'

/** One capability, one line here. Each says what it knows about the address, in the order of admission. */
const FINDERS: readonly ((node: NodeView, address: Uint8Array) => KnownFinding[])[] = [
  (node, address) => listed(node, address, 'allow', 'allowed'),
  banned,
  (node, address) => listed(node, address, 'deny', 'denied'),
  networkFindings,
  limitFindings,
  inKernel,
  upstreams,
  ownAddress,
]

/** What keeps an address out, the first that is found. */
const REASONS: Partial<Record<AddressFindingCode, CloseReason>> = {
  banned: 'refused-ban',
  denied: 'refused-deny-list',
}

export function checkIpRoutes(app: App, { node }: Room): void {
  app.get(
    ADMIN_PATHS.checkIp,
    {
      config: { role: 'viewer' },
      schema: {
        operationId: 'checkIp',
        summary: 'What this node knows about an address, and whether it would be let in.',
        tags: ['bans'],
        querystring: z.strictObject({
          [ADDRESS_PARAMETER]: z.string('which one? Write ?address=192.0.2.1').max(100),
        }),
        response: { 200: CheckIpAnswer, '4xx': Problem },
      },
    },
    ({ query }) => checkIp(node, query[ADDRESS_PARAMETER]),
  )
}

export function checkIp(node: NodeView, text: string): CheckIpAnswer {
  const address = parseIp(text)
  if (address !== undefined) return checkAddress(node, address)
  throw new ApiProblem(
    'E_REQUEST',
    `${JSON.stringify(text)} is no IP address; expected one such as 192.0.2.1 or 2001:db8::1.`,
  )
}

function checkAddress(node: NodeView, address: Uint8Array): CheckIpAnswer {
  const findings = FINDERS.flatMap((find) => find(node, address))
  const isAllowed = findings.some(({ code }) => code === 'allowed')
  const listed = findings.map(({ code }) => REASONS[code]).find((one) => one !== undefined)
  const reason = isAllowed ? undefined : (listed ?? networkRefusal(node, address))
  const refusal = reason === undefined ? 'limits' : 'refused'
  return { address: formatIp(address), verdict: isAllowed ? 'allowed' : refusal, reason: reason ?? null, findings }
}

function listed(node: NodeView, address: Uint8Array, action: ListAction, code: AddressFindingCode): KnownFinding[] {
  const hits = node.lists()?.covering(action, address) ?? []
  return hits.map((hit) => {
    const { list, network, line, comment } = hit
    const about = comment === '' ? '' : `: ${comment}`
    const text = `${network} of list ${list.name} (${placeText(hit)})${about}`
    return { code, text, list: list.name, network, file: list.file, line, comment }
  })
}

function banned(node: NodeView, address: Uint8Array): KnownFinding[] {
  const network: Network = { family: address.length === 4 ? 4 : 6, bytes: address, prefixLength: address.length * 8 }
  return node.bans.covering(network).map((ban) => {
    const { text: prefix, isWatched } = ban
    return { code: isWatched ? 'ban-watched' : 'banned', text: banSentence(ban), network: prefix }
  })
}

function inKernel({ firewall }: NodeView, address: Uint8Array): KnownFinding[] {
  if (!firewall.dropsFrom(address)) return []
  const text = `The kernel drops its packets to our listeners (table inet ${firewall.view().table}).`
  return [{ code: 'dropped-in-kernel', text }]
}

function upstreams(node: NodeView, address: Uint8Array): KnownFinding[] {
  const text = formatIp(address)
  return node.tables().services.flatMap((service) =>
    service.upstreams
      .filter(({ index }) =>
        service.candidates.some((one) => one.upstreamIndex === index && one.address.address === text),
      )
      .map(({ name }) => ({
        code: 'upstream',
        text: `It is upstream ${name} of service ${service.name}.`,
        service: service.name,
      })),
  )
}

function ownAddress(_node: NodeView, address: Uint8Array): KnownFinding[] {
  const text = formatIp(address)
  const found = Object.entries(networkInterfaces()).find(([, infos]) =>
    infos?.some((info) => formatIp(parseIp(info.address) ?? new Uint8Array(4)) === text),
  )
  return found === undefined ? [] : [{ code: 'own-address', text: `This machine has it, on ${found[0]}.` }]
}
