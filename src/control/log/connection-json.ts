/**
 * A connection line as JSON text, put together by hand: at 20,000 connections a second `JSON.stringify` of an object
 * costs three times as much, on a core that traffic could use. A test holds it to `makeConnectionLine`.
 */
import { CLOSE_REASON_NAMES } from '../../traffic/close-reason.ts'
import { connectionId } from '../../traffic/events.ts'
import type { ConnectionRecord } from '../../traffic/log-ring.ts'
import { attemptErrors, clientText, known, type RecordOrigin, retransmitSum, rounded } from './connection-line.ts'
import type { KnownNames } from './known-names.ts'

/** One line, with its line end. */
export function formatConnectionJson(record: ConnectionRecord, origin: RecordOrigin, names: KnownNames): string {
  const upstream = record.upstreamIndex === -1 ? 'null' : quoted(names.upstream(record.upstreamIndex))
  const attempts =
    record.failedAttempts.length === 0 ? '' : `"attemptErrors":${JSON.stringify(attemptErrors(record, names))},`
  // What stands in quotes without `quoted` has no character that JSON escapes: hex digits, addresses, our own words.
  return (
    `{"event":"connection","time":"${isoTime(record.timeMs)}"` +
    `,"service":${quoted(names.service(record.serviceIndex))}` +
    `,"id":"${connectionId(origin.bootId, origin.workerIndex, record.sequence)}"` +
    `,"client":"${clientText(record)}"` +
    `,"listener":${quoted(names.listener(record.listenerIndex))}` +
    `,"upstream":${upstream},"attempts":${record.attempts},${attempts}` +
    `"reason":"${CLOSE_REASON_NAMES[record.reasonCode] ?? 'internal-error'}"` +
    `,"bytesToUpstream":${record.bytesToUpstream},"bytesToClient":${record.bytesToClient}` +
    `,"durationMs":${rounded(record.durationMs)}` +
    `,"queueMs":${known(record.queueMs)}` +
    `,"connectMs":${known(record.connectMs)},"firstByteMs":${known(record.firstByteMs)}` +
    `,"clientRttMs":${known(record.clientRttUs, 1000)},"upstreamRttMs":${known(record.upstreamRttUs, 1000)}` +
    `,"retransmits":${retransmitSum(record)},"clientRetransmits":${known(record.clientRetransmits)}` +
    `,"upstreamRetransmits":${known(record.upstreamRetransmits)}}\n`
  )
}

/** Names of the configuration, so the map stays as small as that is. */
const quotedByName = new Map<string, string>()

function quoted(name: string): string {
  let text = quotedByName.get(name)
  if (text === undefined) {
    text = JSON.stringify(name)
    quotedByName.set(name, text)
  }
  return text
}

let lastTimeMs = -1
let lastTime = ''

/** Many connections end in one millisecond. */
function isoTime(timeMs: number): string {
  const wholeMs = Math.floor(timeMs)
  if (wholeMs !== lastTimeMs) {
    lastTime = new Date(wholeMs).toISOString()
    lastTimeMs = wholeMs
  }
  return lastTime
}
