/**
 * What vantages have reported, and whether they go on doing so. A report counts unless it was made behind one of our own
 * addresses: who is let in can't tell what strangers get.
 */
import type { Config, UpstreamConfig } from '../../config/config.ts'
import type { Log } from '../../log/log.ts'
import type { Store } from '../../store/store.ts'
import { isLoopbackText, machineAddresses, nodeAddresses } from '../own-addresses.ts'
import { type ExposureFinding, ExposureFindings } from './exposure-findings.ts'
import { openPorts, sayExposed, sayExposureOver, sayVantageSilent } from './exposure-lines.ts'
import { worstVerdict } from './look-at-host.ts'
import { ExposureReport, type ExposureVerdict } from './report.ts'
import { ReportLimits } from './report-limits.ts'

/** Of so many results the vantages are known. */
const RESULTS_READ = 2_000
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

type SeenEntry = Pick<ExposureEntry, 'service' | 'vantage' | 'at' | 'counts' | 'report'>

/** As it is kept. */
interface Details {
  readonly source: string
  readonly why?: string
  readonly report: ExposureReport
}

export class ExposureBook {
  readonly #options: ExposureBookOptions
  readonly #findings = new ExposureFindings()
  readonly #limits = new ReportLimits()
  /** What was reported before the start is among them. */
  #isLoaded = false

  constructor(options: ExposureBookOptions) {
    this.#options = options
  }

  /** Of a host that is no upstream nothing is kept: `services` is empty. Throws StoreError, TooManyReportsError. */
  async take(report: ExposureReport, sender: ExposureSender): Promise<ExposureTaken> {
    const { config, store, log } = this.#options
    this.#limits.take(sender.who, this.#nowMs())
    const services = servicesOf(config(), report).filter(
      (name) => sender.services === undefined || sender.services.includes(name),
    )
    const verdict = worstVerdict(report.ports)
    const why = this.#whyNot(report, sender.source)
    const vantage = vantageOf(sender, report)
    if (services.length > 0 && !this.#isLoaded) await this.lookForSilence()
    for (const service of services) {
      const details: Details = { source: sender.source, ...(why === undefined ? {} : { why }), report }
      const result = why === undefined ? verdict : 'not-counted'
      const atMs = this.#nowMs()
      await store.exposure.add({ atMs, service, vantage, result, details })
      const look = lookOf({ service, vantage, report })
      const wasOpen = this.#findings.isOpen(look)
      const seen = { service, vantage, at: new Date(atMs).toISOString(), counts: why === undefined, report }
      this.#findings.note(look, this.#findingOf(seen, false))
      if (why !== undefined) continue
      if (verdict === 'open') sayExposed(log, service, vantage, report)
      else if (wasOpen) sayExposureOver(log, service, vantage, report)
    }
    return { services, verdict, counts: why === undefined, why }
  }

  /** The newest first. */
  async list(filter: {
    limit: number
    service?: string | undefined
    before?: number | undefined
  }): Promise<ExposureEntry[]> {
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

  /** What is wrong now, as far as it was looked for; without those that were given up. */
  findings(): readonly ExposureFinding[] {
    return this.#findings.all.filter((one) => !this.#isForgotten(one))
  }

  /** Says once of each vantage that it has gone silent. Throws StoreError. */
  async lookForSilence(): Promise<void> {
    const views = await this.vantages()
    this.#isLoaded = true
    this.#findings.keepOnly(new Set(views.map(({ last }) => lookOf(last))))
    // Those that reported longest ago first, as reports come.
    for (const { last, isSilent } of views.toReversed()) {
      const finding = this.#findingOf(last, isSilent && !this.#isForgotten(last))
      const wasSilent = this.#findings.isSilent(lookOf(last))
      this.#findings.note(lookOf(last), finding)
      if (finding.isSilent && !wasSilent && finding.upstreams.length > 0) sayVantageSilent(this.#options.log, finding)
    }
  }

  #findingOf({ service, vantage, at, counts, report }: SeenEntry, isSilent: boolean): ExposureFinding {
    const configured = this.#options.config().services.find(({ name }) => name === service)
    const upstreams = (configured?.upstreams ?? []).filter((one) => isAbout(report, one)).map(({ name }) => name)
    return { service, vantage, host: report.host, at, upstreams, ports: counts ? openPorts(report) : [], isSilent }
  }

  #isForgotten({ at }: Pick<ExposureEntry, 'at'>): boolean {
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

function servicesOf({ services }: Config, report: ExposureReport): string[] {
  return services.filter(({ upstreams }) => upstreams.some((one) => isAbout(report, one))).map(({ name }) => name)
}

function isAbout({ host, ports }: ExposureReport, upstream: Pick<UpstreamConfig, 'host'>): boolean {
  return upstream.host.toLowerCase() === host.toLowerCase() || ports.some(({ address }) => address === upstream.host)
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
