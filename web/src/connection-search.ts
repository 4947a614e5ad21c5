/** Which open connections of a service are looked for, what was found, and what was ended. */
import { computed, signal } from '@preact/signals'
import type { CloseAnswer, CloseRequest, ConnectionList, ConnectionView } from '../../src/api/contract.ts'
import { ask, get, look } from './api.ts'

const CONNECTIONS = '/api/v1/connections'
export const PAGE_ROWS = 50
/** More are for a filter. */
export const ROWS_MAX = 500

export interface Said {
  readonly text: string
  readonly isBad: boolean
}

export class ConnectionSearch {
  readonly service: string
  readonly client = signal('')
  readonly upstream = signal('')
  readonly rows = signal<readonly ConnectionView[]>([])
  /** Where the next page begins. */
  readonly next = signal<string | null>(null)
  readonly hasCome = signal(false)
  readonly said = signal<Said | undefined>(undefined)
  readonly filter = computed<CloseRequest>(() => {
    const client = this.client.value.trim()
    const upstream = this.upstream.value
    return {
      service: this.service,
      ...(client === '' ? {} : { client }),
      ...(upstream === '' ? {} : { upstream }),
    }
  })

  constructor(service: string) {
    this.service = service
  }

  get isFiltered(): boolean {
    const { client, upstream } = this.filter.value
    return client !== undefined || upstream !== undefined
  }

  async loadFirst(): Promise<void> {
    await this.#load(null)
  }

  async loadMore(): Promise<void> {
    await this.#load(this.next.peek())
  }

  /** Whoever reads further pages, or an error, is not interrupted. */
  async refresh(): Promise<void> {
    if (this.rows.peek().length <= PAGE_ROWS && this.said.peek()?.isBad !== true) await this.#load(null, look)
  }

  async #load(after: string | null, how: typeof get = get): Promise<void> {
    const asked = this.filter.peek()
    try {
      const page = await how<ConnectionList>(pathFor(asked, after))
      // Something else is looked for meanwhile.
      if (asked !== this.filter.peek()) return
      this.rows.value = after === null ? page.connections : [...this.rows.peek(), ...page.connections]
      this.next.value = page.next
      this.hasCome.value = true
      if (this.said.peek()?.isBad === true) this.said.value = undefined
    } catch (error) {
      this.#fail(error)
    }
  }

  async end({ id }: ConnectionView): Promise<void> {
    await this.#end(`${CONNECTIONS}/${id}`)
  }

  async endAll(): Promise<void> {
    await this.#end(CONNECTIONS, this.filter.peek())
  }

  async #end(path: string, request?: CloseRequest): Promise<void> {
    try {
      const { closed } = await ask<CloseAnswer>('DELETE', path, request)
      this.said.value = {
        text: `${closed === 1 ? '1 connection was' : `${closed} connections were`} ended.`,
        isBad: false,
      }
      await this.#load(null)
    } catch (error) {
      this.#fail(error)
    }
  }

  #fail(error: unknown): void {
    this.said.value = { text: error instanceof Error ? error.message : String(error), isBad: true }
  }
}

function pathFor({ service = '', client, upstream }: CloseRequest, after: string | null): string {
  const query = new URLSearchParams({ service, limit: String(PAGE_ROWS) })
  if (client !== undefined) query.set('client', client)
  if (upstream !== undefined) query.set('upstream', upstream)
  if (after !== null) query.set('after', after)
  return `${CONNECTIONS}?${query.toString()}`
}
