/**
 * How the client behaves on the wire, against the rules of its service (../wire/). A part of the relay station.
 * node:net shows no TCP_INFO: what the kernel took stands for what the client acknowledged, and a read for a segment.
 */
import { CLOSE_REASON_CODES } from '../close-reason.ts'
import { SERVICE, SERVICE_STRIDE } from '../counters.ts'
import type { MonotonicMs } from '../node-wide.ts'
import type { Rule } from '../tables.ts'
import { nextReadLookMs, READ_NUMBERS, readsTooSlowly } from '../wire/slow-read.ts'
import { forgetSending, nextSendLookMs, SEND_NUMBERS, sendsTooSlowly } from '../wire/slow-send.ts'
import { nextTinyLookMs, sendsTinySegments, TINY_NUMBERS } from '../wire/tiny-segments.ts'
import { COUNTED, type WireReason } from '../wire/wire-state.ts'
import type { Connection } from './connection.ts'

/** Most connections are over by then, and never looked at. */
const FIRST_LOOK_MS = 100

/** Where the rows of the rules begin. */
const SEND_AT = 0
const READ_AT = SEND_AT + SEND_NUMBERS
const TINY_AT = READ_AT + READ_NUMBERS

/** What one look sees of the two flows. */
export interface WireSight {
  readonly nowMs: MonotonicMs
  /** Since then no byte has moved, or one side has finished. */
  readonly activeMs: MonotonicMs
  readonly isHalfClosed: boolean
  readonly fromClient: number
  readonly fromUpstream: number
  /** Bytes that the kernel has not taken yet. */
  readonly waitingForUpstream: number
  readonly waitingForClient: number
}

export class WireLooks {
  readonly #connection: Connection
  readonly #state = new Float64Array(TINY_AT + TINY_NUMBERS)
  /** Reads that brought bytes of the client. */
  reads = 0
  /** When to look next. */
  dueMs: MonotonicMs

  constructor(connection: Connection, nowMs: MonotonicMs) {
    this.#connection = connection
    this.dueMs = nowMs + FIRST_LOOK_MS
  }

  /** The reason to end the connection, if there is one. */
  look(sight: WireSight): 'first-byte-timeout' | 'overload-idle' | WireReason | undefined {
    const { firstByteTimeoutMs } = this.#connection.service.protect
    const { nowMs, activeMs, isHalfClosed, fromClient, fromUpstream } = sight
    const hasToSpeak = firstByteTimeoutMs > 0 && !isHalfClosed && fromClient + fromUpstream === 0
    const firstByteDueMs = hasToSpeak
      ? activeMs + this.#connection.worker.gate.state.firstByteMs(firstByteTimeoutMs)
      : Infinity
    if (nowMs >= firstByteDueMs) return nowMs >= activeMs + firstByteTimeoutMs ? 'first-byte-timeout' : 'overload-idle'
    const reason = this.#lookAtReading(sight) ?? this.#lookAtSending(sight) ?? this.#lookAtSegments(sight)
    this.dueMs = Math.min(firstByteDueMs, this.#nextLookMs(nowMs))
    return reason
  }

  #nextLookMs(nowMs: MonotonicMs): MonotonicMs {
    const { slowRead, slowSend, tinySegments } = this.#connection.service.protect
    return Math.min(
      slowRead.rule === 'off' ? Infinity : nextReadLookMs(slowRead, nowMs),
      slowSend.rule === 'off' ? Infinity : nextSendLookMs(slowSend, nowMs),
      tinySegments.rule === 'off' ? Infinity : nextTinyLookMs(this.#state, TINY_AT, tinySegments),
    )
  }

  #lookAtReading({ nowMs, fromUpstream, waitingForClient }: WireSight): WireReason | undefined {
    const { slowRead } = this.#connection.service.protect
    if (slowRead.rule === 'off') return undefined
    const taken = fromUpstream - waitingForClient
    const isSlow = readsTooSlowly(this.#state, READ_AT, slowRead, nowMs, waitingForClient, taken)
    return isSlow ? this.#broken(slowRead.rule, 'slow-read', READ_AT) : undefined
  }

  #lookAtSending(sight: WireSight): WireReason | undefined {
    const { slowSend } = this.#connection.service.protect
    if (slowSend.rule === 'off') return undefined
    const { nowMs, fromClient, fromUpstream, waitingForClient, waitingForUpstream } = sight
    // An upstream that does not take what the client sends, or a client that blocks the answer: the floor can't be measured.
    if (waitingForClient + waitingForUpstream > 0) {
      forgetSending(this.#state, SEND_AT, fromClient, fromUpstream)
      return undefined
    }
    const isSlow = sendsTooSlowly(this.#state, SEND_AT, slowSend, nowMs, fromClient, fromUpstream)
    return isSlow ? this.#broken(slowSend.rule, 'slow-send', SEND_AT) : undefined
  }

  #lookAtSegments({ nowMs, fromClient }: WireSight): WireReason | undefined {
    const { tinySegments } = this.#connection.service.protect
    if (tinySegments.rule === 'off') return undefined
    const isTiny = sendsTinySegments(this.#state, TINY_AT, tinySegments, nowMs, this.reads, fromClient)
    return isTiny ? this.#broken(tinySegments.rule, 'tiny-segments', TINY_AT) : undefined
  }

  /** A reason to end, or one more in the count of those that would have ended. */
  #broken(rule: Rule, reason: WireReason, at: number): WireReason | undefined {
    if (rule === 'on') return reason
    this.#state[at] = COUNTED
    const { service, worker } = this.#connection
    worker.counters.services[service.index * SERVICE_STRIDE + SERVICE.watched + CLOSE_REASON_CODES[reason]] += 1
    return undefined
  }
}
