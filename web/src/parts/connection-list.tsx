/** The open connections of a service: found by client and upstream, page by page, and ended. */
import { useComputed, useSignal } from '@preact/signals'
import { useEffect, useId } from 'preact/hooks'
import type { CloseAnswer, CloseRequest, ConnectionList as Page, ConnectionView } from '../../../src/api/contract.ts'
import { ask, get } from '../api.ts'
import { csv, fileName } from '../csv.ts'
import { download } from '../download.ts'
import { bytes, duration, milliseconds } from '../format.ts'
import { linkTo } from '../route.ts'
import { ConfirmButton } from './confirm-button.tsx'

const PAGE_ROWS = 50
/** More are for the CSV of the API, or for a filter. */
const ROWS_MAX = 500
const EVERY_MS = 5_000

interface ConnectionListProps {
  readonly service: string
  readonly upstreams: readonly string[]
}

interface Said {
  readonly text: string
  readonly isBad: boolean
}

export function ConnectionList({ service, upstreams }: ConnectionListProps) {
  const id = useId()
  const client = useSignal('')
  const upstream = useSignal('')
  const rows = useSignal<readonly ConnectionView[]>([])
  const next = useSignal<string | null>(null)
  const hasCome = useSignal(false)
  const said = useSignal<Said | undefined>(undefined)
  const filter = useComputed<CloseRequest>(() => ({
    service,
    ...(client.value.trim() === '' ? {} : { client: client.value.trim() }),
    ...(upstream.value === '' ? {} : { upstream: upstream.value }),
  }))

  const load = async (after: string | null): Promise<void> => {
    const asked = filter.peek()
    try {
      const page = await get<Page>(pathFor(asked, after))
      // Another question was asked meanwhile.
      if (asked !== filter.peek()) return
      rows.value = after === null ? page.connections : [...rows.peek(), ...page.connections]
      next.value = page.next
      hasCome.value = true
      if (said.peek()?.isBad === true) said.value = undefined
    } catch (error) {
      said.value = { text: error instanceof Error ? error.message : String(error), isBad: true }
    }
  }
  useEffect(() => {
    void load(null)
    // Whoever reads further pages is not interrupted.
    const timer = setInterval(() => {
      if (!document.hidden && rows.peek().length <= PAGE_ROWS && said.peek()?.isBad !== true) void load(null)
    }, EVERY_MS)
    return () => clearInterval(timer)
  }, [filter.value])

  const end = async (path: string, request?: CloseRequest): Promise<void> => {
    try {
      const { closed } = await ask<CloseAnswer>('DELETE', path, request)
      said.value = { text: `${closed === 1 ? '1 connection was' : `${closed} connections were`} ended.`, isBad: false }
      await load(null)
    } catch (error) {
      said.value = { text: error instanceof Error ? error.message : String(error), isBad: true }
    }
  }
  const isFiltered = filter.value.client !== undefined || filter.value.upstream !== undefined
  return (
    <>
      <form class="row filter" onSubmit={(event) => (event.preventDefault(), void load(null))}>
        <div>
          <label for={`${id}-client`}>Client</label>
          <input
            id={`${id}-client`}
            value={client.value}
            placeholder="192.0.2.1 or 192.0.2.0/24"
            onChange={(event) => (client.value = event.currentTarget.value)}
          />
        </div>
        <div>
          <label for={`${id}-upstream`}>Upstream</label>
          <select
            id={`${id}-upstream`}
            value={upstream.value}
            onChange={(event) => (upstream.value = event.currentTarget.value)}
          >
            <option value="">all</option>
            {upstreams.map((name) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
        </div>
        <button type="submit">Find</button>
        <button type="button" disabled={rows.value.length === 0} onClick={() => saveCsv(service, rows.value)}>
          CSV<span class="unseen"> of these connections</span>
        </button>
        <ConfirmButton
          disabled={rows.value.length === 0}
          question={isFiltered ? 'End all that fit?' : `End all of ${service}?`}
          onConfirm={() => void end(CONNECTIONS, filter.peek())}
        >
          {isFiltered ? 'End all that fit' : 'End all'}
        </ConfirmButton>
      </form>
      {said.value !== undefined && (
        <p class={said.value.isBad ? 'banner bad' : 'banner good'} role="status">
          {said.value.text}
        </p>
      )}
      {rows.value.length === 0 ? (
        hasCome.value && <Nobody isFiltered={isFiltered} />
      ) : (
        <Connections rows={rows.value} onEnd={(one) => void end(`${CONNECTIONS}/${one.id}`)} />
      )}
      {next.value !== null && <More shown={rows.value.length} onMore={() => void load(next.peek())} />}
    </>
  )
}

const CONNECTIONS = '/api/v1/connections'

function pathFor({ service = '', client, upstream }: CloseRequest, after: string | null): string {
  const query = new URLSearchParams({ service, limit: String(PAGE_ROWS) })
  if (client !== undefined) query.set('client', client)
  if (upstream !== undefined) query.set('upstream', upstream)
  if (after !== null) query.set('after', after)
  return `${CONNECTIONS}?${query.toString()}`
}

function Nobody({ isFiltered }: { readonly isFiltered: boolean }) {
  return (
    <p class="quiet">
      {isFiltered
        ? 'No open connection fits. Try a wider prefix, or another upstream.'
        : 'No open connection. As soon as a client comes it is listed here; who was refused is counted under Protection.'}
    </p>
  )
}

function More({ shown, onMore }: { readonly shown: number; readonly onMore: () => void }) {
  if (shown >= ROWS_MAX)
    return <p class="quiet">There are more than {ROWS_MAX}: narrow them down by client or upstream.</p>
  return (
    <button type="button" onClick={onMore}>
      Show more
    </button>
  )
}

interface ConnectionsProps {
  readonly rows: readonly ConnectionView[]
  readonly onEnd: (connection: ConnectionView) => void
}

function Connections({ rows, onEnd }: ConnectionsProps) {
  return (
    <table>
      <caption class="unseen">Open connections</caption>
      <thead>
        <tr>
          <th scope="col">Client</th>
          <th scope="col">Upstream</th>
          <th scope="col">Stage</th>
          <th scope="col" class="number">
            Open for
          </th>
          <th scope="col" class="number">
            Idle
          </th>
          <th scope="col" class="number">
            To upstream
          </th>
          <th scope="col" class="number">
            To client
          </th>
          <th scope="col" class="number">
            RTT
          </th>
          <th scope="col">
            <span class="unseen">End</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row.id}>
            <th scope="row" class="mono">
              <a href={linkTo('check-ip', addressOf(row.client))}>{row.client}</a>
            </th>
            <td>{row.upstream ?? '–'}</td>
            <td>{row.stage}</td>
            <td class="number">{duration(row.ageMs)}</td>
            <td class="number">{row.idleMs === null ? '–' : duration(row.idleMs)}</td>
            <td class="number">{bytes(row.bytesToUpstream)}</td>
            <td class="number">{bytes(row.bytesToClient)}</td>
            <td class="number">{row.clientRttMs === null ? '–' : milliseconds(row.clientRttMs)}</td>
            <td>
              <button type="button" class="danger small" onClick={() => onEnd(row)}>
                End<span class="unseen"> the connection of {row.client}</span>
              </button>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

/** Without the port. */
function addressOf(client: string): string {
  return client.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')
}

const COLUMNS = [
  'id',
  'client',
  'service',
  'listener',
  'upstream',
  'upstreamAddress',
  'stage',
  'ageMs',
  'idleMs',
  'bytesToUpstream',
  'bytesToClient',
  'clientRttMs',
  'upstreamRttMs',
] as const

function saveCsv(service: string, rows: readonly ConnectionView[]): void {
  const text = csv(
    COLUMNS,
    rows.map((row) => COLUMNS.map((column) => row[column])),
  )
  download(`${fileName('tidegate', service, 'connections')}.csv`, new Blob([text], { type: 'text/csv;charset=utf-8' }))
}
