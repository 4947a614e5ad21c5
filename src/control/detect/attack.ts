/** One attack on one service, from its call to its end: what is kept of it, and how it grows while it is under way. */
import { z } from 'zod'
import type { CloseReason } from '../../traffic/close-reason.ts'
import { ATTACK_KIND_NAMES, type AttackKind, levelsOf, type Levels, type Sample } from './attack-kinds.ts'
import type { Outcome } from './service-counts.ts'
import { UNKNOWN } from '../../traffic/admit/network-database.ts'
import { SOURCE_SPAN_NAMES, sourceBytes, type SourceSpan, sourceText, type Visitors } from './visitors.ts'

/** Why it is over. `restart`: the daemon ended, or was killed, meanwhile. */
export const ATTACK_ENDS = ['calm', 'new-calm', 'off', 'restart', 'service-removed'] as const

const Count = z.number().nonnegative()
const KindLevels = z.object({ 'connection-flood': Count, distributed: Count, unused: Count })
const AttackSource = z.object({
  source: z.string(),
  /** At least so many; where clients came faster than they could be looked at, an estimate. */
  newConnections: Count,
  refused: Count,
})

/** As it is stored and shown. */
export const AttackRecord = z.object({
  id: z.int().positive(),
  service: z.string(),
  /** By which it was called. */
  kind: z.enum(ATTACK_KIND_NAMES as [AttackKind, ...AttackKind[]]),
  /** By which it was called in all, the first first. */
  kinds: z.array(z.string()),
  start: z.iso.datetime(),
  /** Null while it is under way. */
  end: z.iso.datetime().nullable(),
  ended: z.enum(ATTACK_ENDS).nullable(),
  /** When the numbers below are from. */
  updated: z.iso.datetime(),
  calm: KindLevels,
  limits: KindLevels,
  /** The highest of each; not all in the same second. */
  peak: z.object({
    newPerSecond: Count,
    sources: Count,
    prefixes: Count,
    unusedShare: Count,
    connectFailuresPerSecond: Count,
    open: Count,
  }),
  /** Clients since it was called: that came, and were let in. */
  newcomers: Count,
  admitted: Count,
  /** By reason: what was done. */
  refused: z.record(z.string(), Count),
  /** Connections that ended unused, and those that ended by client or upstream otherwise. */
  unused: Count,
  served: Count,
  bytes: Count,
  bansMade: Count,
  /** The busiest, the busiest first. */
  addresses: z.array(AttackSource),
  prefixes: z.array(AttackSource),
  /** `AS64496`; by the busiest prefixes, where there is a database. Records of before have none. */
  asns: z.array(AttackSource).default([]),
})
export type AttackRecord = z.infer<typeof AttackRecord>
export type AttackEnd = (typeof ATTACK_ENDS)[number]

const SOURCES_MAX = 20
/** Whose AS is asked for. */
const PREFIXES_ASKED_MAX = 1000

/** The AS number of an address; UNKNOWN where the database has none, undefined without one. */
export type AsnOf = (address: Uint8Array) => number | undefined

export interface AttackStart {
  readonly id: number
  readonly service: string
  readonly kind: AttackKind
  readonly startMs: number
  readonly calm: Levels
  readonly limits: Levels
  readonly before: Outcome
  readonly bansBefore: number
}

/** While it is under way. */
export class OpenAttack {
  readonly start: AttackStart
  kinds: readonly AttackKind[]
  #peak: AttackRecord['peak'] = {
    newPerSecond: 0,
    sources: 0,
    prefixes: 0,
    unusedShare: 0,
    connectFailuresPerSecond: 0,
    open: 0,
  }

  constructor(start: AttackStart) {
    this.start = start
    this.kinds = [start.kind]
  }

  /** Once a second. */
  note(sample: Sample, kinds: readonly AttackKind[]): void {
    if (kinds.length > 0) this.kinds = kinds
    const peak = this.#peak
    this.#peak = {
      newPerSecond: Math.max(peak.newPerSecond, Math.round(sample.newPerSecond)),
      sources: Math.max(peak.sources, sample.sources),
      prefixes: Math.max(peak.prefixes, sample.prefixes),
      unusedShare: Math.max(peak.unusedShare, round(levelsOf(sample).unused)),
      connectFailuresPerSecond: Math.max(peak.connectFailuresPerSecond, Math.round(sample.connectFailuresPerSecond)),
      open: Math.max(peak.open, sample.open),
    }
  }

  record(now: Outcome, visitors: Visitors, bansMade: number, nowMs: number, asnOf: AsnOf): AttackRecord {
    const { id, service, kind, startMs, calm, limits, before, bansBefore } = this.start
    const newcomers = now.counts.newcomers - before.counts.newcomers
    const unused = now.counts.unused - before.counts.unused
    const [addresses, prefixes] = SOURCE_SPAN_NAMES.map((span) => topOf(visitors, span, newcomers))
    return {
      id,
      service,
      kind,
      kinds: [...this.kinds],
      start: new Date(startMs).toISOString(),
      end: null,
      ended: null,
      updated: new Date(nowMs).toISOString(),
      calm: rounded(calm),
      limits: rounded(limits),
      peak: this.#peak,
      newcomers,
      admitted: now.counts.admitted - before.counts.admitted,
      refused: refusedSince(now, before),
      unused,
      served: Math.max(0, now.ended - before.ended - unused),
      bytes: now.bytes - before.bytes,
      bansMade: bansMade - bansBefore,
      addresses,
      prefixes,
      asns: asnsOf(visitors, newcomers, asnOf),
    }
  }
}

/** The busiest AS numbers of the attack that `visitors` follows. */
export function asnsOf(visitors: Visitors, newcomers: number, asnOf: AsnOf): AttackRecord['asns'] {
  const { sources, seen } = visitors.busiestOfAttack('prefix', PREFIXES_ASKED_MAX)
  const part = seen === 0 ? 1 : Math.max(1, newcomers / seen)
  const byAsn = new Map<number, { seen: number; refused: number }>()
  for (const source of sources) {
    const asn = asnOf(sourceBytes(source))
    if (asn === undefined || asn === UNKNOWN) continue
    const sum = byAsn.get(asn) ?? { seen: 0, refused: 0 }
    byAsn.set(asn, { seen: sum.seen + source.seen, refused: sum.refused + source.refused })
  }
  return [...byAsn]
    .sort(([, a], [, b]) => b.seen - a.seen)
    .slice(0, SOURCES_MAX)
    .map(([asn, sum]) => ({
      source: `AS${asn}`,
      newConnections: Math.round(sum.seen * part),
      refused: Math.round(sum.refused * part),
    }))
}

function topOf(visitors: Visitors, span: SourceSpan, newcomers: number): AttackRecord['addresses'] {
  const { sources, seen } = visitors.busiestOfAttack(span, SOURCES_MAX)
  const part = seen === 0 ? 1 : Math.max(1, newcomers / seen)
  return sources.map((source) => ({
    source: sourceText(source, span),
    newConnections: Math.round(source.seen * part),
    refused: Math.round(source.refused * part),
  }))
}

function refusedSince(now: Outcome, before: Outcome): Record<string, number> {
  const since = (reason: CloseReason, refused: number): number => refused - (before.refusedByReason.get(reason) ?? 0)
  return Object.fromEntries(
    [...now.refusedByReason].map(([reason, refused]) => [reason, since(reason, refused)]).filter(([, n]) => n !== 0),
  ) as Record<string, number>
}

function rounded(levels: Levels): Levels {
  return {
    'connection-flood': round(levels['connection-flood']),
    distributed: round(levels.distributed),
    unused: round(levels.unused),
  }
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}
