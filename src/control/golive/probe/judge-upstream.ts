/** What attempts at an upstream add up to. Pure. */
import type { ProbeAttempt, ProbeHeader, ProbeWords } from './attempt.ts'

/** `unknown`: it was not asked, or its answers say nothing. */
export type Takes = 'yes' | 'no' | 'unknown'

export interface UpstreamVerdict {
  /** The `mode` that a service in front of it needs; undefined where the answers do not say. */
  readonly mode: 'raw' | 'proxy-v1' | 'proxy-v2' | undefined
  /** Whether it works with a connection that begins so. */
  readonly takes: Readonly<Record<ProbeHeader, Takes>>
  /** It says something before it has heard anything (behind a header, where it wants one). */
  readonly speaksFirst: boolean | undefined
  readonly speaksTls: boolean | undefined
  /** One sentence, and what to do where it is no good. */
  readonly sentence: string
  readonly remedy: string | undefined
}

export function judgeUpstream(attempts: readonly ProbeAttempt[]): UpstreamVerdict {
  const unreachable = attempts.find(({ saw }) => saw.kind === 'unreachable')
  if (unreachable !== undefined) return unreachableVerdict(unreachable)
  const takes = { none: takesOf('none', attempts), v1: takesOf('v1', attempts), v2: takesOf('v2', attempts) }
  const mode = modeOf(takes)
  const isTls = attempts.some(({ saw }) => saw.kind === 'bytes' && saw.as === 'tls')
  const isHeard = attempts.some(({ saw }) => saw.kind === 'bytes')
  const speaksTls = isTls ? true : isHeard ? false : undefined
  return { mode, takes, speaksFirst: speaksFirstOf(mode, attempts), speaksTls, ...wordsFor(takes, mode, attempts) }
}

function modeOf(takes: Readonly<Record<ProbeHeader, Takes>>): UpstreamVerdict['mode'] {
  // Where it takes a header it learns who the client is; the binary one is shorter.
  if (takes.v2 === 'yes') return 'proxy-v2'
  if (takes.v1 === 'yes') return 'proxy-v1'
  return takes.none === 'yes' ? 'raw' : undefined
}

function takesOf(header: ProbeHeader, attempts: readonly ProbeAttempt[]): Takes {
  const own = attempts.filter((attempt) => attempt.header === header)
  if (own.length === 0) return 'unknown'
  if (header === 'none') {
    if (own.some(({ saw }) => saw.kind === 'bytes')) return 'yes'
    // Silence proves nothing: it may wait for words that we do not know.
    const others = attempts.filter((attempt) => attempt.header !== 'none')
    return others.some((attempt) => isWelcome(attempt, attempts)) ? 'no' : 'unknown'
  }
  if (own.some((attempt) => isWelcome(attempt, attempts))) return 'yes'
  return attempts.some((attempt) => attempt.saw.kind === 'bytes') ? 'no' : 'unknown'
}

/** The header was read as one: what came behind it was answered as it should be. */
function isWelcome({ said, saw }: ProbeAttempt, attempts: readonly ProbeAttempt[]): boolean {
  if (saw.kind !== 'bytes') return false
  const bare = attempts.find((other) => other.header === 'none' && other.said === said)
  if (said === 'tls' && saw.as === 'tls') return true
  // A web server calls whatever it cannot read a bad request, a header among it.
  if (saw.as === 'http' && (said !== 'http' || saw.httpStatus === 400)) return false
  if (bare?.saw.kind === 'bytes') {
    // It talks without a header, too: then only the same answer says that the header was taken away before it was read.
    return saw.as === 'http' && saw.httpStatus === bare.saw.httpStatus
  }
  const talksBare = attempts.some((other) => other.header === 'none' && other.saw.kind === 'bytes')
  return !talksBare && !isComplaint(saw.text)
}

/** Line protocols answer anything, with a word like this. */
function isComplaint(text: string): boolean {
  return /\berr|error|unknown|invalid|unrecogni[sz]ed|syntax|bad command|protocol|^(421|5\d\d)[ -]/i.test(text)
}

function speaksFirstOf(mode: UpstreamVerdict['mode'], attempts: readonly ProbeAttempt[]): boolean | undefined {
  const bare = attempts.find(({ header, said }) => header === 'none' && said === 'nothing')
  if (bare?.saw.kind === 'bytes') return true
  const header = mode === 'proxy-v2' ? 'v2' : mode === 'proxy-v1' ? 'v1' : 'none'
  const quiet = attempts.find((attempt) => attempt.header === header && attempt.said === 'nothing')
  if (quiet === undefined || mode === undefined) return undefined
  return quiet.saw.kind === 'bytes'
}

function unreachableVerdict({ saw }: ProbeAttempt): UpstreamVerdict {
  const code = saw.kind === 'unreachable' ? saw.code : ''
  const takes = { none: 'unknown', v1: 'unknown', v2: 'unknown' } as const
  const [sentence, remedy] = REACHES[code] ?? [
    `It cannot be reached (${code}).`,
    'Look at routes and firewalls between here and there.',
  ]
  return { mode: undefined, takes, speaksFirst: undefined, speaksTls: undefined, sentence, remedy }
}

const REACHES: Readonly<Record<string, readonly [sentence: string, remedy: string]>> = {
  ECONNREFUSED: ['Nothing listens there: the connection was refused.', 'Start the server, or mend the port.'],
  TIMEOUT: [
    'It did not answer the connect at all.',
    "The address may be wrong, the machine down, or its firewall does not know this node's address.",
  ],
  EHOSTUNREACH: ['There is no way to this host.', 'Look at routes, and whether the machine is up.'],
  ENETUNREACH: ['There is no way to this network.', 'This machine may have no IPv6, or no route.'],
}

type Words = Pick<UpstreamVerdict, 'sentence' | 'remedy'>

function wordsFor(
  takes: Readonly<Record<ProbeHeader, Takes>>,
  mode: UpstreamVerdict['mode'],
  attempts: readonly ProbeAttempt[],
): Words {
  const versions = (['v1', 'v2'] as const).filter((version) => takes[version] === 'yes').join(' and ')
  if (mode === 'raw') {
    return { sentence: 'It works without a PROXY header, and wants none: mode raw.', remedy: undefined }
  }
  if (mode !== undefined && takes.none === 'yes') {
    return {
      sentence: `It takes PROXY ${versions}, and connections without a header as well: mode ${mode}.`,
      remedy: 'Whoever reaches it directly may claim any client address: let only this node in (tidegate firewall).',
    }
  }
  if (mode !== undefined) return { sentence: `It wants a PROXY header, ${versions}: mode ${mode}.`, remedy: undefined }
  const kinds = new Set(attempts.map(({ saw }) => saw.kind))
  if (kinds.has('bytes')) {
    return {
      sentence: 'It answers, but nothing that tells whether it understood a header.',
      remedy: 'Look at its own configuration for the PROXY protocol; the attempts below are what was seen.',
    }
  }
  if (kinds.size === 1 && kinds.has('silent')) {
    return {
      sentence: 'It takes connections and says nothing, whatever we begin with.',
      remedy: 'Its protocol is neither TLS nor HTTP: look at its own configuration for the PROXY protocol.',
    }
  }
  return {
    sentence: 'It takes connections and ends them without a word, whatever we begin with.',
    remedy: 'It may let in other addresses only, or speak a protocol that is neither TLS nor HTTP.',
  }
}

/** Which attempt is next; undefined when there is nothing left to learn. At most 9. */
export function nextAttempt(
  attempts: readonly ProbeAttempt[],
): { readonly header: ProbeHeader; readonly said: ProbeWords } | undefined {
  const done = (header: ProbeHeader, said: ProbeWords): ProbeAttempt | undefined =>
    attempts.find((attempt) => attempt.header === header && attempt.said === said)
  const missing = (said: ProbeWords, headers: readonly ProbeHeader[]) => {
    const header = headers.find((header) => done(header, said) === undefined)
    return header === undefined ? undefined : { header, said }
  }
  const bare = done('none', 'nothing')
  if (bare === undefined) return { header: 'none', said: 'nothing' }
  if (bare.saw.kind === 'bytes' || attempts.some(({ saw }) => saw.kind === 'unreachable')) return undefined
  const tls = missing('tls', ['none', 'v2', 'v1'])
  if (tls !== undefined) return tls
  const { mode } = judgeUpstream(attempts)
  const { mode: modeByTls } = judgeUpstream(attempts.filter(({ said }) => said !== 'http'))
  const bareTls = done('none', 'tls')!.saw
  const isTls = bareTls.kind === 'bytes' && bareTls.as === 'tls'
  const wantsHeader = modeByTls === 'proxy-v1' || modeByTls === 'proxy-v2'
  // Silence is no refusal: a line protocol waits for the end of a line, which only the headers have.
  const isClear = isTls || (wantsHeader && (bareTls.kind === 'closed' || bareTls.kind === 'reset'))
  const http = isClear ? undefined : missing('http', ['none', 'v2', 'v1'])
  if (http !== undefined) return http
  if (mode === 'raw' || (mode !== undefined && judgeUpstream(attempts).takes.none === 'yes')) return undefined
  return missing('nothing', mode === 'proxy-v1' ? ['v1'] : mode === 'proxy-v2' ? ['v2'] : ['v2', 'v1'])
}
