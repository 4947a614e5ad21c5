/** From credentials to who it is. Knows nothing of HTTP. */
import type { Identity } from './identity.ts'
import type { LocalToken } from './local-token.ts'

export interface Credentials {
  /** Of `Authorization: Bearer`. */
  readonly token?: string | undefined
  /** Of the cookie. */
  readonly session?: string | undefined
}

const LOCAL: Identity = { who: 'local', kind: 'local', role: 'admin' }

export class Access {
  readonly #localToken: LocalToken | undefined

  /** Where the local token is. */
  get localTokenFile(): string | undefined {
    return this.#localToken?.file
  }

  constructor(localToken: LocalToken | undefined) {
    this.#localToken = localToken
  }

  /** Undefined for who gives nothing, or nothing that is right. */
  async identify({ token }: Credentials): Promise<Identity | undefined> {
    if (token !== undefined && this.#localToken?.isGivenBy(token) === true) return LOCAL
    return undefined
  }
}
