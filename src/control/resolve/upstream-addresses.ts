/**
 * The addresses behind the hostnames of all upstreams. Every name must resolve at the start; from then on each is
 * looked up again when its TTL is over, away from traffic, and a lookup that fails changes nothing.
 */
import { checkLoops } from '../config/check-loops.ts'
import { checkSourceFamilies } from '../config/check-source-families.ts'
import type { Config, UpstreamConfig } from '../config/config.ts'
import { ConfigError, showValue } from '../config/problem.ts'
import type { ConfigProblem } from '../config/problem.ts'
import type { ResolvedAddresses } from '../config/upstream-ips.ts'
import { lookUpHost } from './host-lookup.ts'
import type { HostAnswer, Resolver } from './host-lookup.ts'
import { JITTER_PART, stepHostname } from './hostname-state.ts'
import type { HostnameEvent, HostnameState } from './hostname-state.ts'
import { Semaphore } from './semaphore.ts'
import { systemResolver } from './system-resolver.ts'

/** Lookups under way at once; getaddrinfo has four threads, and a name server has limits too. */
export const LOOKUPS_AT_ONCE_MAX = 8
/** One whole lookup, all sources together. getaddrinfo alone may take minutes. */
export const LOOKUP_MS_MAX = 15_000

export interface ResolveDependencies {
  readonly resolver: Resolver
  /** Calls back once after the delay; the answer takes it back. */
  readonly setTimer: (callback: () => void, delayMs: number) => () => void
  /** From 0 to just below 1. */
  readonly random: () => number
}

export function systemDependencies(): ResolveDependencies {
  return {
    resolver: systemResolver(),
    setTimer: (callback, delayMs) => {
      // A lookup that is due must not keep a daemon alive that has nothing else left to do.
      const timer = setTimeout(callback, delayMs).unref()
      return () => clearTimeout(timer)
    },
    random: Math.random,
  }
}

interface Hostname {
  readonly hostname: string
  state: HostnameState
  delayMs: number
  cancelTimer: () => void
}

export class UpstreamAddresses {
  readonly #dependencies: ResolveDependencies
  readonly #semaphore = new Semaphore(LOOKUPS_AT_ONCE_MAX)
  readonly #hostnames: readonly Hostname[]
  #onChange: (current: ResolvedAddresses) => void = () => {}
  #onEvent: (event: HostnameEvent) => void = () => {}
  #running = false
  #current: ResolvedAddresses

  private constructor(hostnames: readonly Hostname[], dependencies: ResolveDependencies) {
    this.#hostnames = hostnames
    this.#dependencies = dependencies
    this.#current = addressesOf(hostnames)
  }

  /** Resolves every hostname once. Throws ConfigError with each that has no address, at its place in the file. */
  static async resolve(
    config: Config,
    dependencies: ResolveDependencies = systemDependencies(),
  ): Promise<UpstreamAddresses> {
    const semaphore = new Semaphore(LOOKUPS_AT_ONCE_MAX)
    const names = hostnamesOf(config)
    const answers = await Promise.all(
      names.map((hostname) => semaphore.run(() => lookUpInTime(hostname, dependencies))),
    )
    const hostnames = names.map((hostname, i) => firstState(hostname, answers[i]))
    const addresses = new UpstreamAddresses(hostnames, dependencies)
    const reasons = new Map(names.map((hostname, i) => [hostname, answers[i]]))
    const problems = [
      ...unresolved(config, reasons),
      ...checkSourceFamilies(config, addresses.current),
      ...checkLoops(config, addresses.current),
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

  /** Never rejects: `lookUpInTime` turns every failure into an answer. */
  async #refresh(hostname: Hostname): Promise<void> {
    const answer = await this.#semaphore.run(() => lookUpInTime(hostname.hostname, this.#dependencies))
    if (!this.#running) return
    const step = stepHostname(hostname.hostname, hostname.state, answer)
    hostname.state = step.state
    hostname.delayMs = step.delayMs
    this.#schedule(hostname)
    for (const event of step.events) this.#onEvent(event)
    if (!step.events.some((event) => event.kind === 'changed')) return
    this.#current = addressesOf(this.#hostnames)
    this.#onChange(this.#current)
  }
}

function hostnamesOf(config: Config): string[] {
  const upstreams = config.services.flatMap((service) => service.upstreams)
  return [...new Set(upstreams.filter((upstream) => !upstream.hostIsIp).map((upstream) => upstream.host))]
}

function firstState(hostname: string, answer: HostAnswer): Hostname {
  const { state, delayMs } = stepHostname(hostname, { kind: 'fresh', addresses: [] }, answer)
  return { hostname, state, delayMs, cancelTimer: () => {} }
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

function unresolved(config: Config, answers: ReadonlyMap<string, HostAnswer>): ConfigProblem[] {
  const problems: ConfigProblem[] = []
  for (const upstream of config.services.flatMap((service) => service.upstreams)) {
    const answer = upstream.hostIsIp ? undefined : answers.get(upstream.host)
    if (answer?.kind === 'failed') problems.push(unresolvedProblem(upstream, answer.reason))
  }
  return problems
}

function unresolvedProblem(upstream: UpstreamConfig, reason: string): ConfigProblem {
  const message = `does not resolve to an address (${reason}); check the name and the name server, or write an IP address`
  return { code: 'E_CONFIG_UNRESOLVED', ...upstream.at, value: showValue(upstream.host), message }
}
