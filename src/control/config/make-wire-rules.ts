/** What `services[].protect` says of behaviour on the wire, with the names and units that traffic works with. */
import type { WireRules } from '../../traffic/wire/wire-rules.ts'
import type { ParsedService } from './schema.ts'

/** The longest that a protocol gives a greeting [RFC 5321 4.5.3.2.1]; no one who speaks is silent for longer. */
const FIRST_BYTE_TIMEOUT_MS = 300_000
/** Where the client has to speak first. HAProxy's and nginx's examples give a request head 10 to 60 s. */
const CLIENT_FIRST_BYTE_TIMEOUT_MS = 30_000

export function makeWireRules(protect: ParsedService['protect']): WireRules {
  const { dialOn, firstByteTimeout, slowSend, slowRead, tinySegments } = protect
  return {
    dialOn,
    firstByteTimeoutMs:
      firstByteTimeout ?? (dialOn === 'first-byte' ? CLIENT_FIRST_BYTE_TIMEOUT_MS : FIRST_BYTE_TIMEOUT_MS),
    slowSend: { rule: slowSend.rule, bytes: slowSend.bytes, withinMs: slowSend.within },
    slowRead: { rule: slowRead.rule, bytes: slowRead.bytes, withinMs: slowRead.within },
    tinySegments: {
      rule: tinySegments.rule,
      perSecondMax: tinySegments.perSecond,
      smallerThanBytes: tinySegments.smallerThan,
      withinMs: tinySegments.within,
    },
  }
}
