/**
 * The addresses behind the hostnames of all upstreams. Every name must resolve at the start; from then on each is
 * looked up again when its TTL is over, away from traffic, and a lookup that fails changes nothing.
 */
import type { Config } from '../config/config.ts'
import { ConfigError } from '../config/problem.ts'
import { NO_ADDRESSES, type ResolvedAddresses } from '../config/upstream-ips.ts'
import { systemDependencies } from './dependencies.ts'
import type { ResolveDependencies } from './dependencies.ts'
import { lookUpHost } from './host-lookup.ts'
import type { HostAnswer } from './host-lookup.ts'
import { JITTER_PART, stepHostname } from './hostname-state.ts'
import type { HostnameEvent, HostnameState } from './hostname-state.ts'
import { hostnamesOf, unresolvedProblems, unusableProblems, whyUnusable } from './resolution-problems.ts'
import { Semaphore } from './semaphore.ts'

/** Lookups under way at once: enough that a dead name server is soon noticed, few enough for a live one. */
export const LOOKUPS_AT_ONCE_MAX = 32
/** One whole lookup, all sources together. getaddrinfo alone may take minutes. */
export const LOOKUP_MS_MAX = 15_000

interface Hostname {
  readonly hostname: string
  state: HostnameState
  delayMs: number
  cancelTimer: () => void
}

export class UpstreamAddresses {
  readonly #config: Config
  readonly #dependencies: ResolveDependencies
  readonly #semaphore = new Semaphore(LOOKUPS_AT_ONCE_MAX)
  readonly #hostnames: readonly Hostname[]
  #onChange: (current: ResolvedAddresses) => void = () => {}
  #onEvent: (event: HostnameEvent) => void = () => {}
  #running = false
  #current: ResolvedAddresses

  private constructor(config: Config, hostnames: readonly Hostname[], dependencies: ResolveDependencies) {
    this.#config = config
    this.#hostnames = hostnames
    this.#dependencies = dependencies
    this.#current = addressesOf(hostnames)
  }

  /**
   * Resolves every hostname once. Throws ConfigError with each that has no address, at its place in the file. Addresses
   * that were there `before` keep their order.
   */
  static async resolve(
    config: Config,
    dependencies: ResolveDependencies = systemDependencies(),
    before: ResolvedAddresses = NO_ADDRESSES,
  ): Promise<UpstreamAddresses> {
    const semaphore = new Semaphore(LOOKUPS_AT_ONCE_MAX)
    const reasonByHostname = new Map<string, string>()
    const resolveFirst = async (hostname: string): Promise<Hostname> => {
      const answer = await semaphore.run(() => lookUpInTime(hostname, dependencies))
      if (answer.kind === 'failed') reasonByHostname.set(hostname, answer.reason)
      const { state, delayMs } = stepHostname(
        hostname,
        { kind: 'fresh', addresses: before.get(hostname) ?? [] },
        answer,
      )
      return { hostname, state, delayMs, cancelTimer: () => {} }
    }
    const hostnames = await Promise.all(hostnamesOf(config).map(resolveFirst))
    const addresses = new UpstreamAddresses(config, hostnames, dependencies)
    const problems = [
      ...unresolvedProblems(config, reasonByHostname),
      ...unusableProblems(config, addresses.current, dependencies.localIps()),
    ]
    if (problems.length > 0) throw new ConfigError(problems)
    return addresses
  }

  /** The addresses now; the map is never changed, a new one takes its place. */
  get current(): ResolvedAddresses {
    return this.#current
  }

  /** `onChange` hears when the set of addresses of a name changed, `onEvent` what is worth a line in the log. */
  start(onChange: (current: ResolvedAddresses) => void, onEvent: (event: HostnameEvent) => void = () => {}): void {
    this.#onChange = onChange
    this.#onEvent = onEvent
    this.#running = true
    for (const hostname of this.#hostnames) this.#schedule(hostname)
  }

  /** What is under way is not waited for, and is not heard of again. */
  stop(): void {
    this.#running = false
    for (const hostname of this.#hostnames) hostname.cancelTimer()
  }

  #schedule(hostname: Hostname): void {
    const delayMs = hostname.delayMs * (1 + JITTER_PART * this.#dependencies.random())
    hostname.cancelTimer = this.#dependencies.setTimer(() => void this.#refresh(hostname), delayMs)
  }

  /** Rejects only where a listener throws: `lookUpInTime` turns every failure into an answer. */
  async #refresh(hostname: Hostname): Promise<void> {
    const answer = await this.#semaphore.run(() => lookUpInTime(hostname.hostname, this.#dependencies))
    if (!this.#running) return
    const step = stepHostname(hostname.hostname, hostname.state, this.#orUnusable(hostname, answer))
    hostname.state = step.state
    hostname.delayMs = step.delayMs
    this.#schedule(hostname)
    for (const event of step.events) this.#onEvent(event)
    if (!step.events.some((event) => event.kind === 'changed')) return
    this.#current = addressesOf(this.#hostnames)
    this.#onChange(this.#current)
  }

  /**
   * New addresses that would have stopped the start are a failure too. It happens: the name of the upstream is
   * moved to the proxy, and from then on the proxy would connect to itself.
   */
  #orUnusable(hostname: Hostname, answer: HostAnswer): HostAnswer {
    const { state, events } = stepHostname(hostname.hostname, hostname.state, answer)
    if (!events.some((event) => event.kind === 'changed')) return answer
    const addresses = new Map(this.#current).set(hostname.hostname, state.addresses)
    const reason = whyUnusable(hostname.hostname, this.#config, addresses, this.#dependencies.localIps())
    return reason === undefined ? answer : { kind: 'failed', reason }
  }
}

function addressesOf(hostnames: readonly Hostname[]): ResolvedAddresses {
  return new Map(hostnames.map(({ hostname, state }) => [hostname, state.addresses]))
}

function lookUpInTime(hostname: string, { resolver, setTimer }: ResolveDependencies): Promise<HostAnswer> {
  return new Promise((resolve) => {
    const reason = `no answer within ${LOOKUP_MS_MAX / 1000} s`
    const cancel = setTimer(() => resolve({ kind: 'failed', reason }), LOOKUP_MS_MAX)
    const answered = (answer: HostAnswer): void => {
      cancel()
      resolve(answer)
    }
    lookUpHost(hostname, resolver).then(answered, (error: unknown) =>
      answered({ kind: 'failed', reason: String(error) }),
    )
  })
}
