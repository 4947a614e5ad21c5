/**
 * Admission against a model that is exact and remembers everybody, over random sequences of clients that come and leave,
 * at two workers. Nobody is refused whom the model would let in; who is let in is within the limits but for the 10 µs
 * that rate-limit.ts states, and for what a table that is too small forgets.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { parseIp } from '../../lib/ip.ts'
import { CLOSE_REASON_CODES, CLOSE_REASON_NAMES, type CloseReason } from '../close-reason.ts'
import { Counters, SERVICE, SERVICE_STRIDE, WORKER } from '../counters.ts'
import { PLAIN_PROTECT, serviceForTest } from '../service-for-test.ts'
import type { Rule, Service } from '../tables.ts'
import { Admission, ADMITTED, type Source } from './admission.ts'
import { BanTable } from './ban-table.ts'
import { EARLY_MS_MAX, rateLimit } from './rate-limit.ts'
import { KnownClients, makeKnownClientsMemory } from './known-clients.ts'
import { newcomerRingBytes, NewcomersWriter } from './newcomers.ts'
import { makeSourceMemory } from './source-table.ts'
import { strikeRingBytes, StrikesWriter } from './strikes.ts'

const RUNS = 1000
const SHAPE = { services: 2, upstreams: 1 }
const NO_BANS = new BanTable(1).memory
const ENOUGH_BYTES = 1024 * 1024
/** Some 60 places. */
const FEW_BYTES = 2048
/** Rounding of sums of many intervals, in connections. */
const ROUNDING = 1e-6

interface Limits {
  readonly rule: Rule
  /** 0 is no limit. */
  readonly connectionsMax: number
  /** Null is no limit. */
  readonly rate: { readonly count: number; readonly perMs: number; readonly burst: number } | null
}

interface ServiceLimits {
  readonly perAddress: Limits
  readonly perPrefix: Limits
  readonly newConnections: Limits
}

type Step =
  | { readonly kind: 'come'; readonly service: number; readonly worker: number; readonly source: number }
  | { readonly kind: 'leave'; readonly which: number }
  | { readonly kind: 'wait'; readonly ms: number }

/** What is known of one source of one service, or of the service itself. */
class Bucket {
  open = 0
  tokens: number
  #atMs = 0

  constructor({ rate }: Limits) {
    this.tokens = rate?.burst ?? 0
  }

  recover({ rate }: Limits, nowMs: number): void {
    if (rate !== null)
      this.tokens = Math.min(rate.burst, this.tokens + ((nowMs - this.#atMs) * rate.count) / rate.perMs)
    this.#atMs = nowMs
  }
}

/** One question of admission: by what it is counted, and how refusals are called. */
interface Question {
  readonly limits: Limits
  readonly bucket: Bucket
  readonly overConnections: CloseReason | undefined
  readonly overRate: CloseReason
}

class Model {
  readonly #limits: readonly ServiceLimits[]
  readonly #buckets = new Map<string, Bucket>()

  constructor(limits: readonly ServiceLimits[]) {
    this.#limits = limits
  }

  /** In the order in which admission asks. */
  questions(service: number, { text, prefix }: TestSource, nowMs: number): Question[] {
    const { perAddress, perPrefix, newConnections } = this.#limits[service]
    const question = (name: string, limits: Limits, key: string): Question => ({
      limits,
      bucket: this.#bucket(`${service} ${key}`, limits, nowMs),
      overConnections: name === 'service' ? undefined : (`refused-${name}-connections` as CloseReason),
      overRate: `refused-${name}-rate` as CloseReason,
    })
    return [
      question('address', perAddress, text),
      question('prefix', perPrefix, prefix),
      question('service', newConnections, 'all'),
    ].filter(({ limits }) => limits.rule !== 'off')
  }

  #bucket(key: string, limits: Limits, nowMs: number): Bucket {
    const bucket = this.#buckets.get(key) ?? new Bucket(limits)
    this.#buckets.set(key, bucket)
    bucket.recover(limits, nowMs)
    return bucket
  }
}

interface TestSource {
  readonly source: Source
  /** What is counted as the address: IPv6 is its /64. */
  readonly text: string
  readonly prefix: string
}

function sourceOf(text: string, address: string, prefix: string): TestSource {
  const addressBytes = parseIp(text)!
  return { source: { addressBytes, addressAt: 0, family: addressBytes.length === 4 ? 4 : 6 }, text: address, prefix }
}

const NEIGHBOURS: readonly TestSource[] = [
  ...['192.0.2.1', '192.0.2.2', '192.0.2.255'].map((text) => sourceOf(text, text, '192.0.2/24')),
  sourceOf('192.0.3.1', '192.0.3.1', '192.0.3/24'),
  sourceOf('2001:db8:1:1::1', '2001:db8:1:1/64', '2001:db8:1/48'),
  sourceOf('2001:db8:1:1::2', '2001:db8:1:1/64', '2001:db8:1/48'),
  sourceOf('2001:db8:1:2::1', '2001:db8:1:2/64', '2001:db8:1/48'),
  sourceOf('2001:db8:2:1::1', '2001:db8:2:1/64', '2001:db8:2/48'),
]

/** They share few buckets, and of IPv6 the first half of what they are told apart by. */
const CROWD: readonly TestSource[] = Array.from({ length: 400 }, (_, i) => {
  const v6 = `2001:db8:${i % 20}:${i}`
  if (i % 2 === 0) return sourceOf(`${v6}::1`, v6, `2001:db8:${i % 20}`)
  const v4 = `198.${i % 40}.${i >> 4}.${i & 255}`
  return sourceOf(v4, v4, v4.slice(0, v4.lastIndexOf('.')))
})

const anyRate = fc.record({
  count: fc.integer({ min: 1, max: 50 }),
  perMs: fc.constantFrom(1000, 60_000),
  burst: fc.integer({ min: 1, max: 8 }),
})
const anyRule = fc.constantFrom<Rule>('on', 'on', 'on', 'watch', 'off')
const anyLimits = fc.record({
  rule: anyRule,
  connectionsMax: fc.integer({ min: 0, max: 4 }),
  rate: fc.option(anyRate),
})
const anyService: fc.Arbitrary<ServiceLimits> = fc.record({
  perAddress: anyLimits,
  perPrefix: anyLimits,
  newConnections: fc.record({ rule: anyRule, connectionsMax: fc.constant(0), rate: anyRate }),
})

function anySteps(sources: number): fc.Arbitrary<Step[]> {
  const come = fc.record({
    kind: fc.constant('come' as const),
    service: fc.integer({ min: 0, max: 1 }),
    worker: fc.integer({ min: 0, max: 1 }),
    source: fc.integer({ min: 0, max: sources - 1 }),
  })
  const leave = fc.record({ kind: fc.constant('leave' as const), which: fc.nat() })
  const ms = fc.oneof(fc.double({ min: 0, max: 50, noNaN: true }), fc.constantFrom(0.005, 20, 1000, 60_000))
  const wait = fc.record({ kind: fc.constant('wait' as const), ms })
  const any = fc.oneof({ arbitrary: come, weight: 6 }, { arbitrary: leave, weight: 2 }, { arbitrary: wait, weight: 2 })
  return fc.array(any, { maxLength: 200, size: 'max' })
}

function serviceOf({ perAddress, perPrefix, newConnections }: ServiceLimits, index: number): Service {
  const rate = (limits: Limits) =>
    limits.rate === null ? null : rateLimit(limits.rate.count, limits.rate.perMs, limits.rate.burst)
  const rule = (limits: Limits) => ({
    rule: limits.rule,
    connectionsMax: limits.connectionsMax,
    rate: rate(limits),
  })
  return serviceForTest([], {
    index,
    protect: {
      ...PLAIN_PROTECT,
      perAddress: rule(perAddress),
      perPrefix: rule(perPrefix),
      newConnections: { rule: newConnections.rule, rate: rate(newConnections) },
    },
  })
}

/** Two workers, each with its own admission and counters, over one table. */
function workersOver(sourceMemory: SharedArrayBuffer) {
  return [0, 1].map(() => {
    const counters = new Counters(new SharedArrayBuffer(Counters.bytes(SHAPE)), SHAPE)
    const strikes = new StrikesWriter(new SharedArrayBuffer(strikeRingBytes(4)), counters)
    const newcomers = new NewcomersWriter(new SharedArrayBuffer(newcomerRingBytes(4)))
    const known = new KnownClients(makeKnownClientsMemory(1))
    const parts = { counters, lists: undefined, bansMemory: NO_BANS, sourceMemory, strikes, newcomers, known }
    const admission = new Admission(parts)
    return { counters, admission }
  })
}

function watchedOf(counters: Counters, service: number, reason: CloseReason | undefined): number {
  if (reason === undefined) return 0
  return counters.services[service * SERVICE_STRIDE + SERVICE.watched + CLOSE_REASON_CODES[reason]]
}

/** What the model says of one more connection: surely over, surely not, or within the stated error of both. */
function isOver({ limits: { connectionsMax }, bucket }: Question): boolean {
  return connectionsMax > 0 && bucket.open >= connectionsMax
}

function mayBeOverRate({ limits: { rate }, bucket }: Question): boolean {
  return rate !== null && bucket.tokens < 1 + ROUNDING
}

function mustBeOverRate({ limits: { rate }, bucket }: Question): boolean {
  return rate !== null && bucket.tokens < 1 - (EARLY_MS_MAX * rate.count) / rate.perMs - ROUNDING
}

/** `forgets`: the table is too small, so that more may be let in than the model lets in. */
function play(
  limits: readonly ServiceLimits[],
  steps: readonly Step[],
  sources: readonly TestSource[],
  forgets: boolean,
) {
  const model = new Model(limits)
  const services = limits.map(serviceOf)
  const workers = workersOver(makeSourceMemory(forgets ? FEW_BYTES : ENOUGH_BYTES, SHAPE.services))
  const open: { leave: () => void }[] = []
  let nowMs = 1_000_000
  for (const step of steps) {
    if (step.kind === 'wait') nowMs += step.ms
    else if (step.kind === 'leave') open.splice(step.which % (open.length || 1), 1)[0]?.leave()
    else {
      const { counters, admission } = workers[step.worker]
      const who = sources[step.source]
      const questions = model.questions(step.service, who, nowMs)
      const reasons = (question: Question) => [question.overConnections, question.overRate]
      const watched = () =>
        questions.map((each) => reasons(each).map((reason) => watchedOf(counters, step.service, reason)))
      const before = watched()
      admission.judgeAddress(services[step.service], who.source, nowMs)
      const code = admission.takeSourcePlaces(services[step.service], who.source, nowMs)
      const verdict = code === ADMITTED ? undefined : CLOSE_REASON_NAMES[code]
      const after = watched()
      const found = questions.map((each, i) => {
        return reasons(each).find((reason, j) => {
          return reason !== undefined && (reason === verdict || after[i][j] > before[i][j])
        })
      })
      check(questions, found, verdict, forgets)
      if (verdict !== undefined) continue
      for (const [i, { bucket }] of questions.entries()) {
        bucket.open++
        if (found[i] === undefined) bucket.tokens -= 1
      }
      const { addressHandle, prefixHandle } = admission
      const leave = () => {
        for (const { bucket } of questions) bucket.open--
        admission.giveSourcePlacesBack(addressHandle, prefixHandle)
      }
      open.push({ leave })
    }
  }
  for (const { leave } of open) leave()
  const sum = (index: number) => workers.reduce((total, { counters }) => total + counters.worker[index], 0)
  assert.equal(sum(WORKER.sourcesTracked), 0, 'all places are given back')
  if (!forgets) assert.deepEqual([sum(WORKER.sourcesUntracked), sum(WORKER.sourcesForgotten)], [0, 0])
  return { forgotten: sum(WORKER.sourcesForgotten), untracked: sum(WORKER.sourcesUntracked) }
}

/** `found` is what admission says of each question, in order: refused or watched for which reason, or undefined. */
function check(
  questions: readonly Question[],
  found: readonly (CloseReason | undefined)[],
  verdict: CloseReason | undefined,
  forgets: boolean,
): void {
  for (const [i, question] of questions.entries()) {
    const { overConnections, overRate, limits } = question
    if (found[i] === overRate) assert.ok(mayBeOverRate(question), `${overRate}, but ${question.bucket.tokens} are left`)
    else if (found[i] !== undefined)
      assert.ok(isOver(question), `${overConnections}, but ${question.bucket.open} are open`)
    else if (!forgets) assert.ok(!isOver(question) && !mustBeOverRate(question), `${overRate} was not seen`)
    // Refused here: what comes after is not asked.
    if (verdict !== undefined && found[i] === verdict && limits.rule === 'on') return
  }
  assert.equal(verdict, undefined, `${verdict} is no answer to any question`)
}

describe('admission and an exact model of it', () => {
  test('agree about everybody while the table has room', () => {
    fc.assert(
      fc.property(fc.tuple(anyService, anyService), anySteps(NEIGHBOURS.length), (limits, steps) => {
        play(limits, steps, NEIGHBOURS, false)
      }),
      { numRuns: RUNS },
    )
  })

  test('a table that is far too small refuses nobody whom the model lets in', () => {
    let forgotten = 0
    let untracked = 0
    fc.assert(
      fc.property(fc.tuple(anyService, anyService), anySteps(CROWD.length), (limits, steps) => {
        const errors = play(limits, steps, CROWD, true)
        forgotten += errors.forgotten
        untracked += errors.untracked
      }),
      { numRuns: RUNS },
    )
    assert.ok(forgotten > 0 && untracked > 0, `${forgotten} forgotten, ${untracked} untracked: it was not too small`)
  })
})
