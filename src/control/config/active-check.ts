/** `services[].check` after reading: how an upstream is asked whether it is well. docs/checks.md explains each. */
import type { LinearRegex } from '../../lib/linear-regex/linear-regex.ts'

export interface ActiveCheckConfig {
  readonly type: 'http' | 'tcp'
  /** What every upstream is asked that has no URL of its own. */
  readonly url: CheckUrl
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | undefined
  /** Of one attempt, from connecting to the last byte that is needed. */
  readonly timeoutMs: number
  readonly expectStatus: readonly StatusRange[]
  readonly expectBody: ExpectedBody | undefined
  readonly tls: CheckTls
  readonly sendProxy: 'off' | 'v1' | 'v2'
  readonly attempts: AttemptRule
  readonly intervalMs: number
  /** Each interval is longer or shorter by up to this part of itself. */
  readonly jitterPart: number
}

/** One check is a row of attempts: `successes` good ones or `failures` bad ones end it, whichever comes first. */
export interface AttemptRule {
  readonly successes: number
  readonly failures: number
  /** Between two attempts. */
  readonly delayMs: number
}

export interface CheckUrl {
  /** As written. */
  readonly text: string
  readonly isHttps: boolean
  readonly target: CheckTarget
  /** With the query; begins with a slash. */
  readonly path: string
}

export type CheckTarget =
  /** Every address of the upstream, on its own port or on another one. */
  | { readonly kind: 'upstream'; readonly port: number | undefined }
  /** A health service somewhere else. */
  | { readonly kind: 'elsewhere'; readonly host: string; readonly port: number; readonly hostIsIp: boolean }

export interface StatusRange {
  readonly first: number
  readonly last: number
}

export type ExpectedBody =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'pattern'; readonly pattern: LinearRegex }

export interface CheckTls {
  readonly verify: boolean
  /** Where the authorities' certificates were read from; absent: those that Node knows. */
  readonly caFile: string | undefined
  /** PEM. */
  readonly ca: string | undefined
  readonly serverName: string | undefined
}
