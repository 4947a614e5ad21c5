/** Going live: the checklist of a service, probes, firewall scripts, and when a service is opened. */
import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import { isAtLeast } from '../../control/access/identity.ts'
import type { ServiceConfig } from '../../control/config/config.ts'
import { CutOverError, type CutOverState } from '../../control/cut-over/cut-overs.ts'
import { TooManyLooksError } from '../../control/golive/going-live.ts'
import type { GoingLive } from '../../control/golive/going-live.ts'
import {
  DnsProbeError,
  FirewallError,
  ProbeTargetError,
  serviceAddresses,
  worstState,
} from '../../control/golive/golive.ts'
import { StartError } from '../../control/workers/start-error.ts'
import { didYouMean } from '../../lib/did-you-mean.ts'
import {
  CUT_OVER_PATH,
  CUT_OVERS_PATH,
  CutOverAnswer,
  CutOverRequest,
  CutOversAnswer,
  type CutOverView,
  DnsProbeAnswer,
  DnsProbeRequest,
  FIREWALL_FORMATS,
  FIREWALL_PATH,
  FIREWALL_SCRIPT_PATH,
  FirewallScriptAnswer,
  GOLIVE_PATH,
  GoliveAnswer,
  type GoliveAsked,
  LOOK_TIMEOUT_MS,
  NAMES_MAX,
  PLAN_AHEAD_MS_MAX,
  PROBE_DNS_PATH,
  PROBE_UPSTREAM_PATH,
  Problem,
  UpstreamProbeAnswer,
  UpstreamProbeRequest,
} from '../contract.ts'
import { ApiProblem } from '../problem.ts'
import { type App, askedBy, type Room } from '../room.ts'

export type GoliveActions = Pick<GoingLive, 'checklist' | 'probeUpstream' | 'probeDns' | 'firewall' | 'config'> & {
  readonly cutOvers: Pick<GoingLive['cutOvers'], 'states' | 'state' | 'switch' | 'plan' | 'cancel'>
  readonly exposures: Pick<GoingLive['exposures'], 'take' | 'list' | 'vantages'>
}

const tags = ['going live']
const ServiceParams = z.object({ service: z.string() })
const BODY_BYTES_MAX = 32 * 1024

/** Networks of a firewall may be many. */
const LIST_CHARACTERS_MAX = 4_000
/** `a,b` */
const List = z
  .string()
  .max(LIST_CHARACTERS_MAX)
  .transform((text) =>
    text
      .split(',')
      .map((part) => part.trim())
      .filter(Boolean),
  )
const Names = List.pipe(z.array(z.string().max(253)).max(NAMES_MAX))

export function goliveRoutes(app: App, { actions: { goingLive } }: Room): void {
  addChecklist(app, goingLive)
  addUpstreamProbe(app, goingLive)
  addDnsProbe(app, goingLive)
  addFirewall(app, goingLive)
  addCutOver(app, goingLive)
}

/** Connects to upstreams and asks name servers: not for who may only look. */
function addChecklist(app: App, goingLive: GoliveActions): void {
  app.get(
    GOLIVE_PATH,
    {
      config: { role: 'operator', isForService: true },
      schema: {
        operationId: 'checklist',
        summary: 'All that has to be true before clients are sent to a service, looked at now.',
        tags,
        params: ServiceParams,
        querystring: z.strictObject({
          domain: z.string().max(253).optional(),
          addresses: Names.optional(),
          oldAddresses: Names.optional(),
          subdomains: Names.optional(),
        }),
        response: { 200: GoliveAnswer, '4xx': Problem },
      },
    },
    async (request) => {
      const service = serviceNamed(goingLive, request.params.service)
      takeTime(request)
      const items = await refusing(() => goingLive.checklist(service, askedOf(request.query)))
      return { service: service.name, at: new Date().toISOString(), state: worstState(items), items }
    },
  )
}

function addUpstreamProbe(app: App, goingLive: GoliveActions): void {
  app.post(
    PROBE_UPSTREAM_PATH,
    {
      config: { role: 'operator', audit: 'probe.upstream' },
      schema: {
        operationId: 'probeUpstream',
        summary: 'Finds out how an upstream wants to be met; others than those configured are for admins.',
        tags,
        body: UpstreamProbeRequest,
        response: { 200: UpstreamProbeAnswer, '4xx': Problem },
      },
    },
    async (request) => {
      const { target, name, waitMs } = request.body
      request.auditDetails = target
      const isConfigured = goingLive
        .config()
        .services.some(({ upstreams }) => upstreams.some(({ text }) => text === target))
      // What a machine in our network says to us is not everybody's to know.
      if (!isConfigured) requireAdmin(request, `${JSON.stringify(target)} is no upstream of a service`)
      takeTime(request)
      const probe = await refusing(() => goingLive.probeUpstream(target, { name, answerTimeoutMs: waitMs }))
      const { address, mode, speaksFirst, speaksTls, remedy, connectMs } = probe
      return {
        ...probe,
        takes: { ...probe.takes },
        attempts: [...probe.attempts],
        address: address ?? null,
        mode: mode ?? null,
        speaksFirst: speaksFirst ?? null,
        speaksTls: speaksTls ?? null,
        remedy: remedy ?? null,
        connectMs: connectMs ?? null,
      }
    },
  )
}

function addDnsProbe(app: App, goingLive: GoliveActions): void {
  app.post(
    PROBE_DNS_PATH,
    {
      bodyLimit: BODY_BYTES_MAX,
      config: { role: 'operator', audit: 'probe.dns' },
      schema: {
        operationId: 'probeDns',
        summary: 'Where a domain leads, until when old answers live, and which records show upstreams.',
        tags,
        body: DnsProbeRequest,
        response: { 200: DnsProbeAnswer, '4xx': Problem },
      },
    },
    async (request) => {
      const { domain, servers, subdomains } = request.body
      request.auditDetails = domain
      if (servers !== undefined) requireAdmin(request, 'Name servers of your own')
      const { addresses, upstreams } = comparedWith(goingLive, request.body)
      takeTime(request)
      const asksAuthority = servers === undefined
      const options = { addresses, upstreams, subdomains, servers, asksAuthority }
      const probe = await refusing(() => goingLive.probeDns(domain, options))
      return dnsAnswer(probe)
    },
  )
}

function dnsAnswer(probe: Awaited<ReturnType<GoliveActions['probeDns']>>): DnsProbeAnswer {
  return {
    ...probe,
    expected: [...probe.expected],
    chain: [...probe.chain],
    strangers: [...probe.strangers],
    upstreamsShown: [...probe.upstreamsShown],
    leaks: [...probe.leaks],
    namedUpstreams: [...probe.namedUpstreams],
    looked: [...probe.looked],
    problems: [...probe.problems],
    sights: probe.sights.map(({ records, problem, ...sight }) => ({
      ...sight,
      records: [...records],
      problem: problem ?? null,
    })),
    ttlS: probe.ttlS ?? null,
    oldGoneInS: probe.oldGoneInS ?? null,
  }
}

function comparedWith(goingLive: GoliveActions, { service: name, addresses, upstreams = [] }: DnsProbeRequest) {
  if (name === undefined) {
    if (addresses !== undefined) return { addresses, upstreams }
    throw new ApiProblem('E_REQUEST', 'Name the service, or its addresses.')
  }
  const service = serviceNamed(goingLive, name)
  const expected = addresses ?? serviceAddresses(service)
  if (expected.length === 0)
    throw new ApiProblem('E_REQUEST', `${name} listens on private addresses: name its public ones in addresses.`)
  return { addresses: expected, upstreams: [...service.upstreams.map(({ host }) => host), ...upstreams] }
}

const FirewallQuery = z.strictObject({
  format: z.enum(FIREWALL_FORMATS, `expected ${FIREWALL_FORMATS.join(', ')}`),
  service: z.string().max(300).optional(),
  ports: List.optional(),
  nodes: List.optional(),
  trusted: List.optional(),
  admins: List.optional(),
  adminPorts: List.optional(),
  rollbackAfterS: z
    .string()
    .regex(/^\d{1,4}$/, 'expected seconds')
    .transform(Number)
    .optional(),
})

function addFirewall(app: App, goingLive: GoliveActions): void {
  const schema = { tags, querystring: FirewallQuery }
  app.get(
    FIREWALL_PATH,
    {
      config: { role: 'viewer' },
      schema: {
        ...schema,
        operationId: 'firewall',
        summary: "A firewall script for an upstream's machine, with what it lets in.",
        response: { 200: FirewallScriptAnswer, '4xx': Problem },
      },
    },
    async ({ query }): Promise<FirewallScriptAnswer> => {
      const { plan, script, fileName, warnings } = await refusing(async () => goingLive.firewall(query))
      const sources = ({ ipv4, ipv6 }: { ipv4: readonly string[]; ipv6: readonly string[] }) => ({
        ipv4: [...ipv4],
        ipv6: [...ipv6],
      })
      return {
        format: plan.format,
        fileName,
        warnings: [...warnings],
        ports: [...plan.ports],
        adminPorts: [...plan.adminPorts],
        allowed: sources(plan.allowed),
        admins: sources(plan.admins),
        rollbackAfterS: plan.rollbackAfterS,
        script,
      }
    },
  )
  app.get(
    FIREWALL_SCRIPT_PATH,
    {
      config: { role: 'viewer' },
      schema: {
        ...schema,
        operationId: 'firewallScript',
        summary: 'The same script alone, as a file.',
        response: { 200: z.string(), '4xx': Problem },
      },
    },
    async ({ query }, reply) => {
      const { script, fileName } = await refusing(async () => goingLive.firewall(query))
      reply.header('content-disposition', `attachment; filename="${fileName}"`)
      return reply.type('text/plain; charset=utf-8').send(script)
    },
  )
}

function addCutOver(app: App, goingLive: GoliveActions): void {
  const { cutOvers } = goingLive
  app.get(
    CUT_OVERS_PATH,
    {
      config: { role: 'viewer' },
      schema: {
        operationId: 'cutOvers',
        summary: 'Which services are open, which will be, and how the checklist was when they were opened.',
        tags,
        response: { 200: CutOversAnswer, '4xx': Problem },
      },
    },
    async () => ({ services: await refusing(async () => cutOvers.states().map(cutOverView)) }),
  )
  app.post(
    CUT_OVER_PATH,
    {
      bodyLimit: BODY_BYTES_MAX,
      config: { role: 'operator', audit: 'service.cut-over', isForService: true },
      schema: {
        operationId: 'cutOver',
        summary: 'Opens or closes the listeners of a service, now, or opens them at a time to come.',
        tags,
        params: ServiceParams,
        body: CutOverRequest,
        response: { 200: CutOverAnswer, '4xx': Problem, '5xx': Problem },
      },
    },
    async (request) => {
      const { name } = serviceNamed(goingLive, request.params.service)
      const { action, at, asked } = request.body
      request.auditDetails = at === undefined ? action : `${action} ${at}`
      takeTime(request)
      const stored = await refusing(() =>
        change(cutOvers, name, request.body, askedBy(request).who, askedOf(asked ?? {})),
      )
      return { stored, cutOver: cutOverView(cutOvers.state(name)) }
    },
  )
}

async function change(
  cutOvers: GoliveActions['cutOvers'],
  service: string,
  { action, at = '' }: CutOverRequest,
  by: string,
  asked: GoliveAsked,
): Promise<boolean> {
  switch (action) {
    case 'enable':
      return await cutOvers.switch(service, true, by, asked)
    case 'disable':
      return await cutOvers.switch(service, false, by)
    case 'cancel':
      return await cutOvers.cancel(service, by)
    default: {
      const aheadMs = Date.parse(at) - Date.now()
      if (aheadMs > 0 && aheadMs <= PLAN_AHEAD_MS_MAX) return await cutOvers.plan(service, Date.parse(at), by, asked)
      throw new ApiProblem('E_REQUEST', `at is ${JSON.stringify(at)}; expected a time to come, within a year.`)
    }
  }
}

export function cutOverView({ service, enabled, fileSays, plan, last }: CutOverState): CutOverView {
  return {
    service,
    enabled,
    fileSays,
    plan: plan === undefined ? null : { at: plan.at, by: plan.by, problem: plan.problem ?? null },
    last: last === undefined ? null : { ...last, checklist: last.checklist ?? null },
  }
}

/** Without the keys that were not given. */
function askedOf({ domain, ...lists }: GoliveAsked): GoliveAsked {
  const given = Object.entries(lists).filter(([, list]) => list !== undefined)
  return { ...(domain ? { domain } : {}), ...Object.fromEntries(given) }
}

/** Longer than for other questions: half a minute of DNS, or upstreams that say nothing. */
function takeTime(request: FastifyRequest): void {
  request.raw.socket.setTimeout(LOOK_TIMEOUT_MS)
}

function requireAdmin(request: Pick<FastifyRequest, 'identity'>, what: string): void {
  const { who, role } = askedBy(request)
  if (!isAtLeast(role, 'admin'))
    throw new ApiProblem('E_FORBIDDEN', `${what}: that needs an admin, and ${who} is ${role}.`)
}

function serviceNamed(goingLive: GoliveActions, name: string): ServiceConfig {
  const { services } = goingLive.config()
  const found = services.find((service) => service.name === name)
  if (found !== undefined) return found
  const near = didYouMean(
    name,
    services.map((service) => service.name),
  )
  const advice = near === undefined ? '' : ` Did you mean ${near}?`
  throw new ApiProblem('E_NOT_FOUND', `There is no service ${JSON.stringify(name)}.${advice}`, {
    title: 'Unknown service',
  })
}

/** What people can do wrong, as problems. */
async function refusing<Answer>(work: () => Promise<Answer>): Promise<Answer> {
  try {
    return await work()
  } catch (error) {
    const { message } = error as Error
    if (error instanceof TooManyLooksError) throw new ApiProblem('E_TOO_MANY', message)
    if (error instanceof CutOverError) throw new ApiProblem('E_CONFLICT', message, { title: 'Not possible now' })
    if (error instanceof StartError)
      throw new ApiProblem('E_NOT_READY', `Nothing has changed. ${message}`, { title: 'Not switched' })
    if (error instanceof DnsProbeError || error instanceof ProbeTargetError || error instanceof FirewallError)
      throw new ApiProblem('E_REQUEST', message)
    throw error
  }
}
