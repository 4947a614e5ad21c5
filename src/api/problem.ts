/** Errors of the API: thrown anywhere in a route, answered as RFC 9457 problem details with a code that stays. */
import { type Problem, PROBLEMS, type ProblemCode } from './contract.ts'

export class ApiProblem extends Error {
  override readonly name = 'ApiProblem'
  readonly code: ProblemCode
  readonly title: string
  readonly status: number
  /** The methods that the path takes, with status 405. */
  readonly allow: string | undefined
  readonly tokenFile: string | undefined
  /** With E_CONFLICT: what there is now. */
  readonly current: object | undefined
  /** With E_TOO_MANY. */
  readonly retryAfterMs: number | undefined

  /** `detail` is a sentence: what was asked, what is expected, what to do. `title` where the code's own says too little. */
  constructor(
    code: ProblemCode,
    detail: string,
    more: Partial<Pick<ApiProblem, 'title' | 'allow' | 'tokenFile' | 'retryAfterMs' | 'current'>> = {},
  ) {
    super(detail)
    this.code = code
    this.status = PROBLEMS[code].status
    this.title = more.title ?? PROBLEMS[code].title
    this.allow = more.allow
    this.tokenFile = more.tokenFile
    this.current = more.current
    this.retryAfterMs = more.retryAfterMs
  }

  body(): Problem {
    const { title, status, message: detail, code, tokenFile, current } = this
    const more = { ...(tokenFile === undefined ? {} : { tokenFile }), ...(current === undefined ? {} : { current }) }
    return { type: 'about:blank', title, status, detail, code, ...more }
  }
}
