/**
 * Step 2 of 6, after listen, before hello: yes or no from the client's address alone, the cheapest question first (but all
 * that they look at is read before them, at once), and nothing allocated before the verdict. One object for each worker,
 * used by both engines. A client whose PROXY header is believed is judged again at hello, by the address in it.
 *
 *   judgeAddress        allow list, bans, deny list; finds what the        takes nothing
 *                       others of the same client need, too
 *   judgeNetwork        its country, its AS                                takes nothing
 *   (by the caller)     the ceilings of node and service                   take a place each
 *   takeSourcePlaces    its address, prefix and AS, the service's rate     take a place each, for the connection's life
 *
 * While the service is under attack, clients that are not known are held to the stricter budgets of `protect.attack`.
 * The service's rate comes last: a flood from few sources then spends their budgets and not the one of all.
 */
import { AddressLists } from './address-lists.ts'
import { REAL_BAN, WATCHED_BAN } from './ban-table.ts'
import { CLOSE_REASON_CODES } from '../close-reason.ts'
import type { CloseReason } from '../close-reason.ts'
import { SERVICE, SERVICE_STRIDE } from '../counters.ts'
import type { Counters } from '../counters.ts'
import type { WorkerStart } from '../events.ts'
import type { MonotonicMs } from '../node-wide.ts'
import { KnownClients } from './known-clients.ts'
import { NewcomersWriter } from './newcomers.ts'
import { UNKNOWN } from './network-database.ts'
import { asksForNetworks, isKeptOut, NetworkRules } from './network-rules.ts'
import {
  NO_HANDLE,
  NOT_EXPECTED,
  OVER_ATTACK_RATE,
  OVER_CONNECTIONS,
  OVER_RATE,
  OVER_SERVICE_RATE,
  SourceTable,
  TAKEN,
} from './source-table.ts'
import { SOURCE } from './source-key.ts'
import type { SourceKind } from './source-key.ts'
import { STRIKE_CODES } from './strike-kinds.ts'
import type { StrikesWriter } from './strikes.ts'
import { warmUpSources } from './warm-up.ts'
import type { ListMemories, Rule, Service, SourceRule } from '../tables.ts'

/** Anything else that a question returns is the code of the reason for which the client is refused. */
export const ADMITTED = -1

/** Who asks: bytes in network order from `addressAt` on, 4 or 16 by `family`. IPv4-mapped IPv6 has become IPv4. */
export interface Source {
  readonly addressBytes: Uint8Array
  readonly addressAt: number
  readonly family: 4 | 6
}

/** By what is counted, and by what `SourceTable.take` found. */
export const REASONS: Readonly<Record<SourceKind, Readonly<Record<number, CloseReason>>>> = {
  [SOURCE.address]: { [OVER_CONNECTIONS]: 'refused-address-connections', [OVER_RATE]: 'refused-address-rate' },
  [SOURCE.prefix]: { [OVER_CONNECTIONS]: 'refused-prefix-connections', [OVER_RATE]: 'refused-prefix-rate' },
  [SOURCE.asn]: { [OVER_CONNECTIONS]: 'refused-asn-connections', [OVER_RATE]: 'refused-asn-rate' },
}
const REFUSED_BAN = CLOSE_REASON_CODES['refused-ban']
const REFUSED_ATTACK = CLOSE_REASON_CODES['refused-attack']
const REFUSED_DENY_LIST = CLOSE_REASON_CODES['refused-deny-list']

/**
 * Which limits hold for a client: `isStrict` where those for strangers in an attack do. A budget on watch is looked at
 * beside the ordinary limits, which go on refusing; where those are off, it is all there is.
 */
export function limitsFor(isStrict: boolean, ordinary: SourceRule, attack: SourceRule): SourceRule {
  if (!isStrict || attack.rule === 'off') return ordinary
  return attack.rule === 'on' || ordinary.rule === 'off' ? attack : ordinary
}

/** An AS number in network order, the form that the table of sources takes. */
export function writeAsn(bytes: Uint8Array, asn: number): void {
  for (let i = 0; i < 4; i++) bytes[i] = asn >>> (24 - i * 8)
}

export interface AdmissionParts {
  readonly counters: Counters
  readonly lists: ListMemories | undefined
  readonly bansMemory: SharedArrayBuffer
  readonly sourceMemory: SharedArrayBuffer
  readonly strikes: StrikesWriter
  readonly newcomers: NewcomersWriter
  readonly known: KnownClients
}

/** Of a worker that starts. */
export function workerAdmission(start: WorkerStart, counters: Counters, strikes: StrikesWriter): Admission {
  warmUpSources()
  const { tables, bansMemory, sourceMemory, newcomersMemory, knownClientsMemory } = start
  const admission = new Admission({
    counters,
    lists: tables.lists,
    bansMemory,
    sourceMemory,
    strikes,
    newcomers: new NewcomersWriter(newcomersMemory),
    known: new KnownClients(knownClientsMemory),
  })
  admission.useNetworks(tables.networks)
  return admission
}

export class Admission {
  readonly #services: Float64Array
  readonly #lists: AddressLists
  readonly #networks = new NetworkRules()
  /** Of the last `judgeAddress`: the allow list names it, and nothing but the ceilings holds for it. */
  isAllowed = false
  /** Of the last `takeSourcePlaces`: what the connection gives back at its end, with `giveSourcePlacesBack`. */
  addressHandle = NO_HANDLE
  prefixHandle = NO_HANDLE
  asnHandle = NO_HANDLE
  /** Of the last `judgeAddress`, as `writeAsn` left it; nothing where it is unknown. */
  readonly #asn: { -readonly [Key in keyof Source]: Source[Key] } = {
    addressBytes: new Uint8Array(4),
    addressAt: 0,
    family: 4,
  }
  readonly #sources: SourceTable
  /** Of the last `judgeAddress`: where it is counted. */
  #addressAt = NOT_EXPECTED
  #prefixAt = NOT_EXPECTED
  #asnAt = NOT_EXPECTED
  readonly #newcomers: NewcomersWriter
  readonly #known: KnownClients
  /** Of the last `takeSourcePlaces`: the budgets for an attack hold. */
  #isStrict = false
  /** Of the last `#takePlace`: what `SourceTable.take` found. */
  #found = TAKEN
  readonly #strikes: StrikesWriter

  constructor({ counters, lists, bansMemory, sourceMemory, strikes, newcomers, known }: AdmissionParts) {
    this.#known = known
    this.#newcomers = newcomers
    this.#services = counters.services
    this.#strikes = strikes
    this.#sources = new SourceTable(sourceMemory, counters.worker)
    this.#lists = new AddressLists(lists, bansMemory)
  }

  /** With each new tables. */
  useLists(lists: ListMemories | undefined): void {
    this.#lists.use(lists)
  }

  /** At the start, and with each new tables. */
  useNetworks(memory: SharedArrayBuffer | undefined): void {
    this.#networks.use(memory)
  }

  /** By lists. Takes no place. */
  judgeAddress(service: Service, source: Source, nowMs: MonotonicMs): number {
    this.#askMemory(service, source)
    const { addressBytes, addressAt, family } = source
    const lists = this.#lists
    this.isAllowed = lists.isAllowed(addressBytes, addressAt, family)
    if (this.isAllowed) return ADMITTED
    const ban = lists.banOf(addressBytes, addressAt, family, nowMs)
    if (ban === REAL_BAN) return REFUSED_BAN
    if (ban === WATCHED_BAN) this.broken(service, 'watch', 'refused-ban')
    return lists.isDenied(addressBytes, addressAt, family) ? REFUSED_DENY_LIST : ADMITTED
  }

  /**
   * All that will be looked at of a client, as early as its place is known: memory answers late, but answers several
   * questions in the time of one, and the first lock lets nothing behind it be read before all is there.
   */
  #askMemory(service: Service, source: Source): void {
    const { addressBytes, addressAt, family } = source
    const { index, protect } = service
    const { perAddress, perPrefix, attack } = protect
    const sources = this.#sources
    const isStrict = sources.areBudgetsStrict(index)
    this.#addressAt = NOT_EXPECTED
    this.#prefixAt = NOT_EXPECTED
    this.#asnAt = NOT_EXPECTED
    if (perAddress.rule !== 'off' || (isStrict && attack.perAddress.rule !== 'off')) {
      this.#addressAt = sources.expect(index, SOURCE.address, addressBytes, addressAt, family)
    }
    if (perPrefix.rule !== 'off' || (isStrict && attack.perPrefix.rule !== 'off')) {
      this.#prefixAt = sources.expect(index, SOURCE.prefix, addressBytes, addressAt, family)
    }
    if (isStrict) this.#known.expect(addressBytes, addressAt, family)
    if (asksForNetworks(protect)) this.#findNetwork(service, source)
  }

  #findNetwork({ index, protect }: Service, { addressBytes, addressAt, family }: Source): void {
    const networks = this.#networks
    networks.find(addressBytes, addressAt, family)
    if (protect.perAsn.rule === 'off' || networks.asn === UNKNOWN) return
    writeAsn(this.#asn.addressBytes, networks.asn)
    this.#asnAt = this.#sources.expect(index, SOURCE.asn, this.#asn.addressBytes, 0, 4)
  }

  /** By country and AS, those of the last `judgeAddress`. Not for a proxy in front, who may stand anywhere. Takes no place. */
  judgeNetwork(service: Service): number {
    if (this.isAllowed) return ADMITTED
    const { countries, asns } = service.protect
    const { country, asn } = this.#networks
    if (countries.rule !== 'off' && isKeptOut(countries, country)) {
      const code = this.broken(service, countries.rule, 'refused-country')
      if (code !== ADMITTED) return code
    }
    return asns.rule !== 'off' && isKeptOut(asns, asn) ? this.broken(service, asns.rule, 'refused-asn') : ADMITTED
  }

  /** For open connections: would it be refused for a ban? Keeps `isAllowed` as it is. */
  isBanned({ addressBytes, addressAt, family }: Source, nowMs: MonotonicMs): boolean {
    const lists = this.#lists
    if (lists.banOf(addressBytes, addressAt, family, nowMs) !== REAL_BAN) return false
    return !lists.isAllowed(addressBytes, addressAt, family)
  }

  /**
   * By rates and counts, of the client of the last `judgeAddress`. What a refusal has taken so far is given back before it
   * returns.
   */
  takeSourcePlaces(service: Service, source: Source, nowMs: MonotonicMs): number {
    this.takeNoPlaces()
    if (this.isAllowed) return ADMITTED
    const sources = this.#sources
    const { perAsn } = service.protect
    this.#isStrict = sources.areBudgetsStrict(service.index) && !this.#isKnown(source, nowMs)
    const perAddress = limitsFor(this.#isStrict, service.protect.perAddress, service.protect.attack.perAddress)
    const perPrefix = limitsFor(this.#isStrict, service.protect.perPrefix, service.protect.attack.perPrefix)
    const byAddress = this.#takePlace(service, SOURCE.address, perAddress, source, nowMs, this.#addressAt)
    if (byAddress !== ADMITTED) {
      this.#strike(service, source)
      return byAddress
    }
    this.addressHandle = sources.handle
    const hasAddressSpent = sources.hasSpent
    const byPrefix = this.#takePlace(service, SOURCE.prefix, perPrefix, source, nowMs, this.#prefixAt)
    this.prefixHandle = sources.handle
    const hasPrefixSpent = sources.hasSpent
    const byAsn = byPrefix === ADMITTED ? this.#takeAsnPlace(service, nowMs) : byPrefix
    this.asnHandle = byPrefix === ADMITTED ? sources.handle : NO_HANDLE
    const hasAsnSpent = sources.hasSpent
    const verdict = byAsn === ADMITTED ? this.#takeServiceRate(service, nowMs) : byAsn
    if (verdict === ADMITTED) return ADMITTED
    sources.undo(this.asnHandle, hasAsnSpent, perAsn)
    sources.undo(this.prefixHandle, hasPrefixSpent, perPrefix)
    sources.undo(this.addressHandle, hasAddressSpent, perAddress)
    this.takeNoPlaces()
    return verdict
  }

  /** Only its own address is to blame: a prefix has many, and the service's rate all of them. */
  #strike(service: Service, { addressBytes, addressAt, family }: Source): void {
    const kind = this.#found === OVER_RATE ? STRIKE_CODES.rate : STRIKE_CODES.connections
    this.#strikes.write(service.index, kind, addressBytes, addressAt, family)
  }

  /** For a client whose places are taken later, or never. */
  takeNoPlaces(): void {
    this.addressHandle = NO_HANDLE
    this.prefixHandle = NO_HANDLE
    this.asnHandle = NO_HANDLE
  }

  giveSourcePlacesBack(addressHandle: number, prefixHandle: number, asnHandle = NO_HANDLE): void {
    this.#sources.give(asnHandle)
    this.#sources.give(prefixHandle)
    this.#sources.give(addressHandle)
  }

  /** Whose AS nobody knows is not counted. */
  #takeAsnPlace(service: Service, nowMs: MonotonicMs): number {
    const { perAsn } = service.protect
    if (perAsn.rule !== 'off' && this.#networks.asn !== UNKNOWN) {
      return this.#takePlace(service, SOURCE.asn, perAsn, this.#asn, nowMs, this.#asnAt)
    }
    this.#sources.takeNothing()
    return ADMITTED
  }

  /** Who comes in an attack does not earn its way in by it. */
  canBecomeKnown({ index }: Service): boolean {
    return !this.#sources.isUnderAttack(index)
  }

  /** For open connections: has it a better right to its place than others? Keeps `isAllowed` as it is. */
  isSpared(source: Source, nowMs: MonotonicMs): boolean {
    const { addressBytes, addressAt, family } = source
    return this.#lists.isAllowed(addressBytes, addressAt, family) || this.#isKnown(source, nowMs)
  }

  #isKnown({ addressBytes, addressAt, family }: Source, nowMs: MonotonicMs): boolean {
    return this.#known.has(addressBytes, addressAt, family, nowMs)
  }

  #takePlace(
    service: Service,
    kind: SourceKind,
    limits: SourceRule,
    source: Source,
    nowMs: MonotonicMs,
    expectedAt: number,
  ): number {
    if (limits.rule === 'off') {
      this.#sources.takeNothing()
      return ADMITTED
    }
    const { addressBytes, addressAt, family } = source
    const takesAnyway = limits.rule === 'watch'
    const found = this.#sources.take(
      service.index,
      kind,
      addressBytes,
      addressAt,
      family,
      limits,
      takesAnyway,
      nowMs,
      expectedAt,
    )
    this.#found = found
    if (found !== TAKEN) return this.broken(service, limits.rule, this.#reasonFor(service, kind, limits, found))
    // There is none for an AS.
    if (this.#isStrict && kind !== SOURCE.asn) this.#watchBudget(service, kind, limits, nowMs)
    return ADMITTED
  }

  #reasonFor({ protect: { attack } }: Service, kind: SourceKind, limits: SourceRule, found: number): CloseReason {
    const isBudget = limits === attack.perAddress || limits === attack.perPrefix
    return isBudget ? 'refused-attack' : REASONS[kind][found]
  }

  /** Of who was let in by the ordinary limits. */
  #watchBudget(service: Service, kind: SourceKind, taken: SourceRule, nowMs: MonotonicMs): void {
    const { attack } = service.protect
    const budget = kind === SOURCE.address ? attack.perAddress : attack.perPrefix
    if (budget.rule !== 'watch' || budget === taken) return
    const { handle, hasSpent } = this.#sources
    if (this.#sources.isBeyond(handle, hasSpent, taken, budget, nowMs)) this.broken(service, 'watch', 'refused-attack')
  }

  #takeServiceRate(service: Service, nowMs: MonotonicMs): number {
    const { index, protect } = service
    const { newConnections, attack } = protect
    const attackRule = this.#isStrict ? attack.newConnections.rule : 'off'
    const rate = newConnections.rule === 'off' ? null : newConnections.rate
    const attackRate = attackRule === 'off' ? null : attack.newConnections.rate
    const over = this.#sources.takeServiceRates(index, rate, attackRate, attackRule === 'on', nowMs)
    if (over === 0) return ADMITTED
    if ((over & OVER_ATTACK_RATE) !== 0 && this.broken(service, attackRule, 'refused-attack') !== ADMITTED) {
      return REFUSED_ATTACK
    }
    if ((over & OVER_SERVICE_RATE) === 0) return ADMITTED
    return this.broken(service, newConnections.rule, 'refused-service-rate')
  }

  /** Once for each client that comes, when it is known whether it is let in. What allow lists name is nobody's attack. */
  noteNewcomer(service: Service, { addressBytes, addressAt, family }: Source, isRefused: boolean): void {
    if (this.isAllowed) return
    this.countNewcomer(service)
    this.#newcomers.write(service.index, addressBytes, addressAt, family, isRefused)
  }

  /** For one that has no address any more. */
  countNewcomer({ index }: Service): void {
    this.#services[index * SERVICE_STRIDE + SERVICE.newcomers] += 1
  }

  /** What a rule that is broken comes to: a refusal, or a count of what would have been one. */
  protected broken(service: Service, rule: Rule, reason: CloseReason): number {
    const code = CLOSE_REASON_CODES[reason]
    if (rule === 'on') return code
    this.#services[service.index * SERVICE_STRIDE + SERVICE.watched + code] += 1
    return ADMITTED
  }
}
