/** `probe upstream`: few connections, one after the other, until it is clear how an upstream wants to be met. */
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { readUpstreamAddress } from '../../config/read-address.ts'
import { attempt, type ProbeAttempt, type ProbeTarget } from './attempt.ts'
import { judgeUpstream, nextAttempt, type UpstreamVerdict } from './judge-upstream.ts'

export interface ProbeUpstreamOptions {
  /** What the upstream's TLS is asked for; its host when absent. */
  readonly name?: string | undefined
  readonly connectTimeoutMs?: number | undefined
  /** How long an answer may take; a server that looks up our name first needs more. */
  readonly answerTimeoutMs?: number | undefined
}

export interface UpstreamProbe extends UpstreamVerdict {
  /** As asked. */
  readonly target: string
  /** What was connected to; undefined where the name has no address. */
  readonly address: string | undefined
  /** The shortest of all; undefined where no connection stood. */
  readonly connectMs: number | undefined
  readonly attempts: readonly ProbeAttempt[]
}

export const CONNECT_TIMEOUT_MS_DEFAULT = 5_000
export const ANSWER_TIMEOUT_MS_DEFAULT = 2_000
const LOOKUP_TIMEOUT_MS = 5_000

/** Says what is wrong with the text of a target. */
export class ProbeTargetError extends Error {}

/** Throws ProbeTargetError for what is no `HOST:PORT`; everything the network does is in the answer. */
export async function probeUpstream(text: string, options: ProbeUpstreamOptions = {}): Promise<UpstreamProbe> {
  const read = readUpstreamAddress(text)
  if (!read.ok) throw new ProbeTargetError(`${JSON.stringify(text.slice(0, 300))} ${read.problem}.`)
  const { host, port } = read.value
  const address = isIP(host) === 0 ? await firstAddress(host) : host
  if (address === undefined) return { ...unresolved(host), target: text, address }
  const target: ProbeTarget = { address, port, name: options.name ?? host }
  const times = {
    connectTimeoutMs: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS_DEFAULT,
    answerTimeoutMs: options.answerTimeoutMs ?? ANSWER_TIMEOUT_MS_DEFAULT,
  }
  const attempts: ProbeAttempt[] = []
  for (;;) {
    const next = nextAttempt(attempts)
    if (next === undefined) break
    attempts.push(await attempt(target, next.header, next.said, times))
  }
  const connectTimes = attempts.flatMap(({ connectMs }) => (connectMs === undefined ? [] : [connectMs]))
  return {
    target: text,
    address,
    ...judgeUpstream(attempts),
    connectMs: connectTimes.length === 0 ? undefined : Math.min(...connectTimes),
    attempts,
  }
}

async function firstAddress(host: string): Promise<string | undefined> {
  const late = new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), LOOKUP_TIMEOUT_MS).unref())
  const found = lookup(host).then(
    ({ address }) => address,
    () => undefined,
  )
  return await Promise.race([found, late])
}

function unresolved(host: string): Omit<UpstreamProbe, 'target' | 'address'> {
  return {
    mode: undefined,
    takes: { none: 'unknown', v1: 'unknown', v2: 'unknown' },
    speaksFirst: undefined,
    speaksTls: undefined,
    connectMs: undefined,
    attempts: [],
    sentence: `${host} has no address.`,
    remedy: 'Mend the name, or its DNS, or give the address itself.',
  }
}
