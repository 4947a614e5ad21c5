/**
 * What vantages have reported, and whether they go on doing so. A report counts unless it was made behind one of our own
 * addresses: who is let in can't tell what strangers get.
 */
import type { Config, ServiceConfig } from '../../config/config.ts'
import type { Log } from '../../log/log.ts'
import type { Store } from '../../store/store.ts'
import type { ExposureFilter } from '../../store/tables/exposure.ts'
import { isLoopbackText, machineAddresses, nodeAddresses } from '../own-addresses.ts'
import { sayExposed, sayExposureOver, sayVantageSilent } from './exposure-lines.ts'
import { worstVerdict } from './look-at-host.ts'
import { ExposureReport, type ExposureVerdict } from './report.ts'

/** Of so many results the vantages are known. */
const RESULTS_READ = 2_000
/** Of so many results of a vantage the last one of a host is found: more upstreams than a service has at one vantage. */
const HOSTS_OF_VANTAGE_MAX = 64
/** Two looks of those that come every 4 h, and an hour. */
export const SILENT_AFTER_MS = 9 * 3_600_000
/** So many reports within a day make a vantage one that reports regularly. */
const REGULAR_REPORTS = 3
const DAY_MS = 86_400_000
/** A vantage that was given up is not told of for ever. */
const FORGOTTEN_AFTER_MS = 7 * DAY_MS

export interface ExposureSender {
  /** Whoever has the token. */
  readonly who: string
  /** The address that the report came from. */
  readonly source: string
  /** Services that the token is for; undefined is all. */
  readonly services: readonly string[] | undefined
}

export interface ExposureEntry {
  readonly id: number
  readonly at: string
  readonly service: string
  readonly vantage: string
  readonly verdict: ExposureVerdict
  readonly source: string
  readonly counts: boolean
  /** Why it does not count. */
  readonly why: string | undefined
  readonly report: ExposureReport
}

export interface VantageView {
  readonly vantage: string
  readonly service: string
  readonly last: ExposureEntry
  /** It reported regularly, and has stopped. */
  readonly isSilent: boolean
}

export interface ExposureTaken {
  /** Services with an upstream that the report is about. */
  readonly services: readonly string[]
  readonly verdict: ExposureVerdict
  readonly counts: boolean
  readonly why: string | undefined
}

export interface ExposureBookOptions {
  readonly config: () => Config
  readonly store: Pick<Store, 'exposure'>
  readonly log: Log
  readonly nowMs?: () => number
  readonly ownAddresses?: () => readonly string[]
}

/** As it is kept. */
interface Details {
  readonly source: string
  readonly why?: string
  readonly report: ExposureReport
}

export class ExposureBook {
  readonly #options: ExposureBookOptions
  /** Vantages that the log has been told of. */
  readonly #saidSilent = new Set<string>()

  constructor(options: ExposureBookOptions) {
    this.#options = options
  }

  /** Of a host that is no upstream nothing is kept: `services` is empty. Throws StoreError. */
  async take(report: ExposureReport, sender: ExposureSender): Promise<ExposureTaken> {
    const { config, store, log } = this.#options
    const services = servicesOf(config(), report).filter(
      (name) => sender.services === undefined || sender.services.includes(name),
    )
    const verdict = worstVerdict(report.ports)
    const why = this.#whyNot(report, sender.source)
    const vantage = vantageOf(sender, report)
    for (const service of services) {
      const last = await this.#lastOf({ service, vantage, report })
      const details: Details = { source: sender.source, ...(why === undefined ? {} : { why }), report }
      const result = why === undefined ? verdict : 'not-counted'
      await store.exposure.add({ atMs: this.#nowMs(), service, vantage, result, details })
      if (why !== undefined) continue
      const wasOpen = last !== undefined && last.counts && last.verdict === 'open'
      if (verdict === 'open') sayExposed(log, service, vantage, report)
      else if (wasOpen) sayExposureOver(log, service, vantage, report)
    }
    return { services, verdict, counts: why === undefined, why }
  }

  /** Whoever has a token may send many, and large ones: not all are read for each. */
  async #lastOf(one: Pick<ExposureEntry, 'service' | 'vantage' | 'report'>): Promise<ExposureEntry | undefined> {
    const { service, vantage } = one
    const entries = await this.list({ service, vantage, limit: HOSTS_OF_VANTAGE_MAX })
    return entries.find((entry) => lookOf(entry) === lookOf(one))
  }

  /** The newest first. */
  async list(filter: ExposureFilter): Promise<ExposureEntry[]> {
    return (await this.#options.store.exposure.list(filter)).flatMap(entryOf)
  }

  /** A vantage looks at each host of ours by itself. */
  async vantages(): Promise<VantageView[]> {
    const entriesByLook = new Map<string, ExposureEntry[]>()
    for (const entry of await this.list({ limit: RESULTS_READ })) {
      const known = entriesByLook.get(lookOf(entry))
      if (known === undefined) entriesByLook.set(lookOf(entry), [entry])
      else known.push(entry)
    }
    return [...entriesByLook.values()].map((entries) => {
      const [last] = entries
      const times = entries.map(({ at }) => Date.parse(at))
      const { service, vantage } = last
      return { service, vantage, last, isSilent: isSilent(times, this.#nowMs()) }
    })
  }

  /** The last report of each vantage that counts, for the checklist; of one that was given up nothing is left. */
  async reportsFor(service: string): Promise<ExposureReport[]> {
    const lasts = (await this.vantages()).map(({ last }) => last)
    return lasts
      .filter((one) => one.service === service && one.counts && !this.#isForgotten(one))
      .map(({ report }) => report)
  }

  /** Says once of each vantage that it has gone silent. */
  async lookForSilence(): Promise<void> {
    for (const { service, vantage, last, isSilent } of await this.vantages()) {
      const key = lookOf(last)
      if (!isSilent) this.#saidSilent.delete(key)
      else if (!this.#saidSilent.has(key) && !this.#isForgotten(last)) {
        this.#saidSilent.add(key)
        sayVantageSilent(this.#options.log, service, vantage, last.report.host, last.at)
      }
    }
  }

  #isForgotten({ at }: ExposureEntry): boolean {
    return this.#nowMs() - Date.parse(at) > FORGOTTEN_AFTER_MS
  }

  #whyNot({ from }: ExposureReport, source: string): string | undefined {
    const { config, ownAddresses = machineAddresses } = this.#options
    const own = new Set([...nodeAddresses(config().services), ...ownAddresses()])
    // Loopback says nothing: a proxy in front of the admin API, or a file that was brought here.
    if (!isLoopbackText(source) && own.has(source)) return `It came from ${source}, an address of ours: we are let in.`
    const shared = from.find((address) => own.has(address) || isLoopbackText(address))
    return shared === undefined ? undefined : `It was made at ${shared}, an address of ours: we are let in.`
  }

  #nowMs(): number {
    return this.#options.nowMs?.() ?? Date.now()
  }
}

function lookOf({ service, vantage, report }: Pick<ExposureEntry, 'service' | 'vantage' | 'report'>): string {
  return [service, vantage, report.host.toLowerCase()].join(' ')
}

/** Times, the newest first. */
function isSilent(times: readonly number[], nowMs: number): boolean {
  const [last] = times
  const withinDay = times.filter((time) => last - time < DAY_MS)
  return withinDay.length >= REGULAR_REPORTS && nowMs - last > SILENT_AFTER_MS
}

/** Behind NAT the address that it has stays, where the one outside may change from day to day. */
function vantageOf({ who, source }: ExposureSender, { from }: ExposureReport): string {
  return `${who} at ${from[0] ?? source}`
}

function servicesOf({ services }: Config, { host, ports }: ExposureReport): string[] {
  const addresses = new Set(ports.map(({ address }) => address))
  const isMeant = ({ upstreams }: ServiceConfig): boolean =>
    upstreams.some((upstream) => upstream.host.toLowerCase() === host.toLowerCase() || addresses.has(upstream.host))
  return services.filter(isMeant).map(({ name }) => name)
}

/** What another version has kept may be something else. */
function entryOf(kept: Awaited<ReturnType<Store['exposure']['list']>>[number]): ExposureEntry[] {
  const { source, why, report } = kept.details as Details
  const read = ExposureReport.safeParse(report)
  if (!read.success) return []
  const { id, atMs, service, vantage, result } = kept
  const at = new Date(atMs).toISOString()
  const verdict = worstVerdict(read.data.ports)
  return [{ id, at, service, vantage, verdict, source, counts: result !== 'not-counted', why, report: read.data }]
}
