/** `probe dns`: where a domain leads now, until when somebody may still hold an old answer, and what gives upstreams away. */
import { isIP } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { type DnsLeak, searchLeaks } from './dns-leaks.ts'
import { type DnsAddress, DnsQueries, QueryBudget } from './dns-queries.ts'
import { canonical, readName, readServer } from './dns-words.ts'

export interface ProbeDnsOptions {
  /** Where the domain has to lead: the service's public addresses. */
  readonly addresses: readonly string[]
  /** Which nobody may find: IP addresses, or names that the resolver knows. */
  readonly upstreams?: readonly string[] | undefined
  /** Names to look at beside the common ones. */
  readonly subdomains?: readonly string[] | undefined
  /** Name servers as `IP` or `IP:PORT`, each asked for itself; those of this machine when absent. */
  readonly servers?: readonly string[] | undefined
  /** False leaves out the servers that the domain itself names. */
  readonly asksAuthority?: boolean | undefined
  /** For tests; name servers of domains are at 53. */
  readonly authorityPort?: number | undefined
  readonly timeoutMs?: number | undefined
}

/** What one name server says. */
export interface DnsSight {
  /** `this machine's resolver`, or its address. */
  readonly server: string
  /** The domain's own: what it says is true, and its TTL whole. */
  readonly isAuthority: boolean
  readonly records: readonly DnsAddress[]
  readonly problem: string | undefined
}

/**
 * `service`: every answer is the service's. `partly`: others are among them. `elsewhere`: none is the service's.
 * `nowhere`: the name has no address. `unknown`: nobody answered.
 */
export type PointsTo = 'service' | 'partly' | 'elsewhere' | 'nowhere' | 'unknown'

export interface DnsProbe {
  readonly domain: string
  readonly expected: readonly string[]
  /** From the domain on; more than one name where it is an alias. */
  readonly chain: readonly string[]
  readonly sights: readonly DnsSight[]
  readonly pointsTo: PointsTo
  /** Addresses in answers that are not the service's. */
  readonly strangers: readonly string[]
  /** Of the strangers, those that are an upstream's. */
  readonly upstreamsShown: readonly string[]
  /** The longest TTL that is in force: so long a change takes. */
  readonly ttlS: number | undefined
  /** So long a server that was asked will still give a stranger; undefined where none does. */
  readonly oldGoneInS: number | undefined
  /** The domain's own servers have changed already, and old answers only have to run out. */
  readonly isRunningOut: boolean
  readonly leaks: readonly DnsLeak[]
  /** Upstreams that are configured by a name that DNS knows: the name leads to them. */
  readonly namedUpstreams: readonly string[]
  readonly looked: readonly string[]
  readonly problems: readonly string[]
}

const TIMEOUT_MS_DEFAULT = 2_000
/** Whatever is not answered then is not known. */
const WHOLE_TIMEOUT_MS = 20_000
const CHAIN_MAX = 8
const AUTHORITIES_MAX = 4

/** Throws DnsProbeError for what is no domain, address or server; everything DNS does is in the answer. */
export async function probeDns(text: string, options: ProbeDnsOptions): Promise<DnsProbe> {
  const domain = readName(text)
  const expected = options.addresses.map((address) => canonical(address, 'address of the service'))
  const servers = options.servers?.map(readServer)
  const budget = new QueryBudget()
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS_DEFAULT
  const open: DnsQueries[] = []
  const ask = (of?: readonly string[]): DnsQueries => {
    const queries = new DnsQueries(budget, timeoutMs, of)
    open.push(queries)
    return queries
  }
  const isOver = new AbortController()
  void delay(WHOLE_TIMEOUT_MS, undefined, { signal: isOver.signal }).then(
    () => {
      budget.end()
      for (const queries of open) queries.cancel()
    },
    () => {},
  )
  try {
    return await new Probe(domain, expected, servers, options, ask).run()
  } finally {
    isOver.abort()
  }
}

class Probe {
  readonly #domain: string
  readonly #expected: readonly string[]
  readonly #servers: readonly string[] | undefined
  readonly #options: ProbeDnsOptions
  readonly #ask: (servers?: readonly string[]) => DnsQueries

  constructor(
    domain: string,
    expected: readonly string[],
    servers: readonly string[] | undefined,
    options: ProbeDnsOptions,
    ask: (servers?: readonly string[]) => DnsQueries,
  ) {
    this.#domain = domain
    this.#expected = expected
    this.#servers = servers
    this.#options = options
    this.#ask = ask
  }

  async run(): Promise<DnsProbe> {
    const main = this.#ask(this.#servers?.slice(0, 1))
    const upstreams = await this.#upstreamAddresses(main)
    const [chain, resolvers, authorities, search] = await Promise.all([
      chainOf(main, this.#domain),
      this.#askResolvers(),
      this.#askAuthorities(main),
      searchLeaks(
        main,
        this.#domain,
        upstreams.addresses,
        (this.#options.subdomains ?? []).map((name) => readName(name)),
        this.#expected,
      ),
    ])
    const sights = [...resolvers, ...authorities]
    return {
      domain: this.#domain,
      expected: this.#expected,
      chain,
      sights,
      ...whereTo(sights, this.#expected, upstreams.addresses),
      // The domain's own records are told of above.
      leaks: search.leaks.filter(({ name, type }) => name !== this.#domain || (type !== 'A' && type !== 'AAAA')),
      namedUpstreams: upstreams.named,
      looked: search.looked,
      problems: search.problems,
    }
  }

  /** An upstream that is configured by name is looked up where everybody can. */
  async #upstreamAddresses(main: DnsQueries): Promise<{ addresses: string[]; named: string[] }> {
    const addresses: string[] = []
    const named: string[] = []
    for (const upstream of this.#options.upstreams ?? []) {
      if (isIP(upstream) !== 0) addresses.push(canonical(upstream, 'upstream'))
      // A name without a dot is a network's own, as of a container: public DNS has none.
      else if (upstream.includes('.')) {
        const { records } = await main.addresses(readName(upstream))
        if (records.length > 0) named.push(upstream)
        addresses.push(...records.map(({ address }) => address))
      }
    }
    return { addresses: [...new Set(addresses)], named }
  }

  #askResolvers(): Promise<DnsSight[]> {
    const asked = this.#servers ?? [undefined]
    return Promise.all(
      asked.map(async (server) => {
        const { records, problem } = await this.#ask(server === undefined ? undefined : [server]).addresses(
          this.#domain,
        )
        return { server: server ?? "this machine's resolver", isAuthority: false, records, problem }
      }),
    )
  }

  /** The servers that the domain, or the nearest name above it, names. */
  async #askAuthorities(main: DnsQueries): Promise<DnsSight[]> {
    if (this.#options.asksAuthority === false) return []
    const labels = this.#domain.split('.')
    for (let i = 0; i < labels.length - 1; i++) {
      const { records } = await main.nameServers(labels.slice(i).join('.'))
      if (records.length === 0) continue
      const chosen = records.toSorted().slice(0, AUTHORITIES_MAX)
      return (await Promise.all(chosen.map((name) => this.#askAuthority(main, name)))).flat()
    }
    return []
  }

  async #askAuthority(main: DnsQueries, name: string): Promise<DnsSight[]> {
    const { records } = await main.addresses(name)
    const address = records.find(({ address }) => isIP(address) === 4)?.address ?? records[0]?.address
    if (address === undefined) return []
    const port = this.#options.authorityPort ?? 53
    const server = isIP(address) === 6 ? `[${address}]:${port}` : `${address}:${port}`
    const answer = await this.#ask([server]).addresses(this.#domain)
    // An alias into somebody else's zone is followed by resolvers, not by this server: it says nothing of addresses.
    const saysNothing = answer.records.length === 0 && answer.problem === undefined
    if (saysNothing && (await this.#ask([server]).cnames(this.#domain)).records.length > 0) return []
    return [{ server: `${name} (${address})`, isAuthority: true, ...answer }]
  }
}

/** Names that lead to each other, from the domain on; ends where one is met again. */
async function chainOf(queries: DnsQueries, domain: string): Promise<string[]> {
  const chain = [domain]
  while (chain.length < CHAIN_MAX) {
    const { records } = await queries.cnames(chain.at(-1)!)
    const next = records[0]?.toLowerCase()
    if (next === undefined) break
    const isLoop = chain.includes(next)
    chain.push(next)
    if (isLoop) break
  }
  return chain
}

type Where = Pick<DnsProbe, 'pointsTo' | 'strangers' | 'upstreamsShown' | 'ttlS' | 'oldGoneInS' | 'isRunningOut'>

function whereTo(sights: readonly DnsSight[], expected: readonly string[], upstreams: readonly string[]): Where {
  const records = sights.flatMap((sight) => sight.records)
  const isStranger = ({ address }: DnsAddress): boolean => !expected.includes(address)
  const old = records.filter(isStranger)
  const strangers = [...new Set(old.map(({ address }) => address))]
  const authorities = sights.filter(({ isAuthority, records }) => isAuthority && records.length > 0)
  return {
    pointsTo: pointsTo(sights, records.length, old.length),
    strangers,
    upstreamsShown: strangers.filter((address) => upstreams.includes(address)),
    ttlS: longest(records),
    oldGoneInS: longest(old),
    isRunningOut:
      old.length > 0 && authorities.length > 0 && !authorities.some(({ records }) => records.some(isStranger)),
  }
}

function pointsTo(sights: readonly DnsSight[], all: number, strangers: number): PointsTo {
  if (all === 0) return sights.every(({ problem }) => problem !== undefined) ? 'unknown' : 'nowhere'
  if (strangers === 0) return 'service'
  return strangers === all ? 'elsewhere' : 'partly'
}

function longest(records: readonly DnsAddress[]): number | undefined {
  return records.length === 0 ? undefined : Math.max(...records.map(({ ttlS }) => ttlS))
}
