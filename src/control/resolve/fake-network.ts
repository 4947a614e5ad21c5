/** A clock and a resolver for tests: time passes when told to, names are what the test says. */
import type { ResolveDependencies } from './dependencies.ts'
import type { DnsRecord, Resolver } from './host-lookup.ts'

export interface FakeName {
  readonly hosts?: readonly string[]
  readonly ipv4?: readonly string[] | Error
  readonly ipv6?: readonly string[] | Error
  readonly system?: readonly string[] | Error
  readonly ttlSeconds?: number
  /** Never answers. */
  readonly silent?: boolean
}

interface Timer {
  readonly dueMs: number
  readonly callback: () => void
}

export class FakeNetwork implements ResolveDependencies {
  readonly names = new Map<string, FakeName>()
  /** `name` of every lookup in DNS, in order, with its time. */
  readonly lookups: { readonly hostname: string; readonly atMs: number }[] = []
  readonly resolver: Resolver
  readonly #timers = new Set<Timer>()
  nowMs = 0
  randomValue = 0
  lookupsUnderWay = 0
  lookupsUnderWayMax = 0
  /** Holds back every DNS answer until released. */
  gate: Promise<void> = Promise.resolve()

  constructor(names: Readonly<Record<string, FakeName>> = {}) {
    for (const [name, fake] of Object.entries(names)) this.names.set(name, fake)
    this.resolver = {
      hostsFile: (hostname) => Promise.resolve(this.#name(hostname).hosts ?? []),
      resolve4: (hostname) => this.#resolve4(hostname),
      resolve6: (hostname) => this.#records(hostname, this.#name(hostname).ipv6),
      lookup: (hostname) => this.#lookup(hostname),
    }
  }

  setTimer = (callback: () => void, delayMs: number): (() => void) => {
    const timer = { dueMs: this.nowMs + delayMs, callback }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  random = (): number => this.randomValue

  localIps = (): ReadonlySet<string> => new Set(['198.51.100.1'])

  get timers(): number {
    return this.#timers.size
  }

  /** Lets the time pass and everything due happen, timer by timer. */
  async pass(ms: number): Promise<void> {
    const untilMs = this.nowMs + ms
    for (;;) {
      await settled()
      const next = [...this.#timers].toSorted((a, b) => a.dueMs - b.dueMs).at(0)
      if (next === undefined || next.dueMs > untilMs) break
      this.nowMs = next.dueMs
      this.#timers.delete(next)
      next.callback()
    }
    this.nowMs = untilMs
  }

  #name(hostname: string): FakeName {
    return this.names.get(hostname) ?? {}
  }

  async #resolve4(hostname: string): Promise<readonly DnsRecord[]> {
    this.lookups.push({ hostname, atMs: this.nowMs })
    this.lookupsUnderWay++
    this.lookupsUnderWayMax = Math.max(this.lookupsUnderWayMax, this.lookupsUnderWay)
    await this.gate
    this.lookupsUnderWay--
    return this.#records(hostname, this.#name(hostname).ipv4)
  }

  async #records(
    hostname: string,
    answer: readonly string[] | Error = dnsError('ENODATA'),
  ): Promise<readonly DnsRecord[]> {
    if (this.#name(hostname).silent === true) return new Promise(() => {})
    if (answer instanceof Error) throw answer
    return answer.map((address) => ({ address, ttl: this.#name(hostname).ttlSeconds ?? 60 }))
  }

  async #lookup(hostname: string): Promise<readonly string[]> {
    const answer = this.#name(hostname).system ?? dnsError('ENOTFOUND')
    if (answer instanceof Error) throw answer
    return answer
  }
}

export function dnsError(code: string): Error {
  return Object.assign(new Error(`query ${code}`), { code })
}

/** Everything that can go on without time passing has gone on. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve))
}
