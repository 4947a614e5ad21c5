/** Questions to DNS, bounded in number and time. What a name server does wrong is an answer, never an error. */
import { Resolver } from 'node:dns/promises'
import { formatIp, parseIp } from '../../../lib/ip.ts'
import { Semaphore } from '../../resolve/semaphore.ts'

export interface DnsAddress {
  readonly address: string
  /** As this server says: full at an authoritative one, what is left of it at any other. */
  readonly ttlS: number
}

export interface Answer<Item> {
  readonly records: readonly Item[]
  /** Why it is not known whether there are any: `timeout`, or what the server said. */
  readonly problem: string | undefined
}

/** All queries of one probe together. */
const QUERIES_MAX = 200
export const QUERIES_AT_ONCE_MAX = 8
const TRIES = 2

export class QueryBudget {
  #left = QUERIES_MAX
  #isOver = false
  readonly #places = new Semaphore(QUERIES_AT_ONCE_MAX)

  /** Their time is over: what has not been asked by now, or waits for its turn, is not asked any more. */
  end(): void {
    this.#isOver = true
  }

  async ask<Item>(query: () => Promise<readonly Item[]>): Promise<Answer<Item>> {
    if (this.#left-- <= 0) return { records: [], problem: 'too many questions for one probe' }
    return await this.#places.run(async () => {
      if (this.#isOver) return { records: [], problem: LATE }
      try {
        return { records: await query(), problem: undefined }
      } catch (error) {
        return { records: [], problem: problemOf((error as NodeJS.ErrnoException).code) }
      }
    })
  }
}

export class DnsQueries {
  readonly #resolver: Resolver
  readonly #budget: QueryBudget

  /** `servers` as `IP` or `IP:PORT`; without them those of this machine are asked. */
  constructor(budget: QueryBudget, timeoutMs: number, servers?: readonly string[]) {
    this.#resolver = new Resolver({ timeout: timeoutMs, tries: TRIES })
    this.#budget = budget
    if (servers !== undefined) this.#resolver.setServers(servers)
  }

  cancel(): void {
    this.#resolver.cancel()
  }

  async addresses(name: string): Promise<Answer<DnsAddress>> {
    const [four, six] = await Promise.all([
      this.#budget.ask(() => this.#resolver.resolve4(name, { ttl: true })),
      this.#budget.ask(() => this.#resolver.resolve6(name, { ttl: true })),
    ])
    const records = [...four.records, ...six.records].map(({ address, ttl }) => ({
      address: formatIp(parseIp(address) ?? new Uint8Array(4)),
      ttlS: ttl,
    }))
    return { records, problem: four.problem ?? six.problem }
  }

  cnames(name: string): Promise<Answer<string>> {
    return this.#budget.ask(() => this.#resolver.resolveCname(name))
  }

  /** Names of mail servers. */
  async mailServers(name: string): Promise<Answer<string>> {
    const { records, problem } = await this.#budget.ask(() => this.#resolver.resolveMx(name))
    return { records: records.map(({ exchange }) => exchange).filter((host) => host !== ''), problem }
  }

  /** Each with its parts joined. */
  async texts(name: string): Promise<Answer<string>> {
    const { records, problem } = await this.#budget.ask(() => this.#resolver.resolveTxt(name))
    return { records: records.map((parts) => parts.join('')), problem }
  }

  nameServers(name: string): Promise<Answer<string>> {
    return this.#budget.ask(() => this.#resolver.resolveNs(name))
  }
}

/** No such name and no such record are answers. */
function problemOf(code: string | undefined): string | undefined {
  if (code === 'ENOTFOUND' || code === 'ENODATA') return undefined
  return PROBLEMS[code ?? ''] ?? `failed (${code ?? 'no reason given'})`
}

const LATE = 'no answer in time'

const PROBLEMS: Readonly<Record<string, string>> = {
  ETIMEOUT: LATE,
  ECANCELLED: LATE,
  ESERVFAIL: 'the server failed (SERVFAIL)',
  EREFUSED: 'the server refused to answer',
  ECONNREFUSED: 'no name server can be reached',
  EBADRESP: 'the answer makes no sense',
  EBADNAME: 'the name makes no sense',
}
