/** Everything for going live, of the node that runs: what the dashboard's Utilities and the API ask. */
import type { Config, ServiceConfig } from '../config/config.ts'
import type { Asked } from '../cut-over/cut-over-file.ts'
import type { CutOvers, CutOverParts } from '../cut-over/cut-overs.ts'
import type { Log } from '../log/log.ts'
import type { Store } from '../store/store.ts'
import { ExposureBook } from './exposure/exposure-book.ts'
import {
  checklist,
  type ChecklistItem,
  type CutOver,
  type DnsProbe,
  type FirewallAnswer,
  firewallFor,
  type FirewallRequest,
  gatherFacts,
  probeDns,
  type ProbeDnsOptions,
  probeUpstream,
  type ProbeUpstreamOptions,
  type UpstreamProbe,
} from './golive.ts'

/** Looks at other machines: each may take half a minute and some dozen connections. */
export const LOOKS_AT_ONCE_MAX = 4
const LOOK_FOR_SILENCE_EVERY_MS = 10 * 60_000
/** While the store does not answer. */
const LOOK_AGAIN_MS = 20_000

export interface GoingLiveOptions {
  readonly config: () => Config
  readonly store: Pick<Store, 'exposure'>
  readonly log: Log
  readonly cutOvers: CutOvers
}

/** So many look already. */
export class TooManyLooksError extends Error {
  override readonly name = 'TooManyLooksError'
}

export class GoingLive {
  readonly cutOvers: CutOvers
  readonly exposures: ExposureBook
  readonly #options: GoingLiveOptions
  #looks = 0
  #timer: NodeJS.Timeout | undefined
  #retry: NodeJS.Timeout | undefined
  #isStopped = false

  constructor(options: GoingLiveOptions) {
    this.#options = options
    this.cutOvers = options.cutOvers
    this.exposures = new ExposureBook(options)
  }

  /** Once this node is the one that operators ask. */
  async start({ reload, isUpgrading }: Pick<CutOverParts, 'reload' | 'isUpgrading'>): Promise<void> {
    const { config } = this.#options
    const look: CutOverParts['look'] = async (name, asked) => {
      const service = config().services.find((service) => service.name === name)
      return service === undefined ? [] : await this.#look(service, asked)
    }
    this.#timer = setInterval(() => void this.#lookForSilence(), LOOK_FOR_SILENCE_EVERY_MS)
    this.#timer.unref()
    void this.#lookForSilence()
    await this.cutOvers.start({ reload, config, isUpgrading, look })
  }

  stop(): void {
    this.#isStopped = true
    clearInterval(this.#timer)
    clearTimeout(this.#retry)
    this.cutOvers.stop()
  }

  /** What is configured now. */
  config(): Config {
    return this.#options.config()
  }

  /** Throws TooManyLooksError, and DnsProbeError for what is no domain. */
  checklist(service: ServiceConfig, asked: Asked): Promise<ChecklistItem[]> {
    return this.#oneOfFew(() => this.#look(service, asked))
  }

  /** Throws TooManyLooksError, and ProbeTargetError for what is no `HOST:PORT`. */
  probeUpstream(target: string, options: ProbeUpstreamOptions): Promise<UpstreamProbe> {
    return this.#oneOfFew(() => probeUpstream(target, options))
  }

  /** Throws TooManyLooksError, and DnsProbeError for what is no domain or server. */
  probeDns(domain: string, options: ProbeDnsOptions): Promise<DnsProbe> {
    return this.#oneOfFew(() => probeDns(domain, options))
  }

  /** Throws FirewallError. */
  firewall(request: FirewallRequest): FirewallAnswer {
    return firewallFor({ ...request, config: this.config() })
  }

  async #look(service: ServiceConfig, asked: Asked): Promise<ChecklistItem[]> {
    // Without the store nobody has reported.
    const exposures = await this.exposures.reportsFor(service.name).catch(() => undefined)
    const facts = await gatherFacts(service, { ...asked, exposures, cutOver: this.#cutOverOf(service.name) })
    return checklist(service, facts)
  }

  #cutOverOf(service: string): CutOver | undefined {
    const { enabled, plan, last } = this.cutOvers.state(service)
    if (plan !== undefined) return { state: 'planned', atMs: Date.parse(plan.at) }
    return enabled && last?.enabled === true ? { state: 'done', atMs: Date.parse(last.at) } : undefined
  }

  async #oneOfFew<Answer>(look: () => Promise<Answer>): Promise<Answer> {
    if (this.#looks >= LOOKS_AT_ONCE_MAX)
      throw new TooManyLooksError(`${LOOKS_AT_ONCE_MAX} others are looking right now; try again in a few seconds.`)
    this.#looks++
    try {
      return await look()
    } finally {
      this.#looks--
    }
  }

  async #lookForSilence(): Promise<void> {
    try {
      await this.exposures.lookForSilence()
    } catch {
      // Without the store nobody is known; that is told of elsewhere. One that opens late is not missed for long: what
      // was told of before the start would be called over.
      clearTimeout(this.#retry)
      if (!this.#isStopped) this.#retry = setTimeout(() => void this.#lookForSilence(), LOOK_AGAIN_MS).unref()
    }
  }
}
