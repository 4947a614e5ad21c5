/** The part of contract.ts about open connections; import it from there. */
import { z } from 'zod'

const Count = z.number().nonnegative()

/**
 * Open connections. GET answers a ConnectionList, page by page; DELETE takes a CloseRequest, and with `/ID` behind it
 * nothing; both answer a CloseAnswer.
 */
export const CONNECTIONS_PATH = '/api/v1/connections'
export const CONNECTIONS_LISTED_DEFAULT = 100
export const CONNECTIONS_LISTED_MAX = 1_000

export const CONNECTION_STAGE_WORDS = ['hello', 'first-byte', 'waiting', 'dial', 'relay', 'closing'] as const

export const ConnectionView = z.object({
  /** As in the connection log. */
  id: z.string(),
  /** `waiting` is in the queue; `closing` has lost one side, and delivers what that had sent. */
  stage: z.enum(CONNECTION_STAGE_WORDS),
  service: z.string(),
  listener: z.string(),
  client: z.string(),
  /** Null before one was chosen. */
  upstream: z.string().nullable(),
  upstreamAddress: z.string().nullable(),
  ageMs: Count,
  bytesToUpstream: Count,
  bytesToClient: Count,
  /** Since a byte moved. Null, as the round-trip times, where the engine can't know. */
  idleMs: Count.nullable(),
  clientRttMs: Count.nullable(),
  upstreamRttMs: Count.nullable(),
})
export type ConnectionView = z.infer<typeof ConnectionView>

export const ConnectionList = z.object({
  connections: z.array(ConnectionView),
  /** `after` of the next page; null on the last. */
  next: z.string().nullable(),
})
export type ConnectionList = z.infer<typeof ConnectionList>

/** Connections that fit all that is given; without any of it, `all` has to be said. */
export const CloseRequest = z
  .strictObject({
    service: z.string().max(200).optional(),
    /** Of the service, so that has to be given too. */
    upstream: z.string().max(200).optional(),
    /** An address, or a prefix. */
    client: z.string().max(100).optional(),
    all: z.literal(true).optional(),
  })
  .refine(
    ({ service, client, all }) => (service === undefined && client === undefined) === (all === true),
    'expected service, client or both, or "all": true',
  )
export type CloseRequest = z.infer<typeof CloseRequest>

export const CloseAnswer = z.object({ closed: Count })
export type CloseAnswer = z.infer<typeof CloseAnswer>
