/** The open connections of a service: found by client and upstream, page by page, and ended. */
import { useEffect, useId, useMemo } from 'preact/hooks'
import type { ConnectionView } from '../../../src/api/contract.ts'
import { ConnectionSearch, ROWS_MAX } from '../connection-search.ts'
import { csv, fileName } from '../csv.ts'
import { download } from '../download.ts'
import { bytes, duration, milliseconds } from '../format.ts'
import { linkTo } from '../route.ts'
import { may } from '../session.ts'
import { Columns } from './columns.tsx'
import { ConfirmButton } from './confirm-button.tsx'

const EVERY_MS = 5_000

interface ConnectionListProps {
  readonly service: string
  readonly upstreams: readonly string[]
}

export function ConnectionList({ service, upstreams }: ConnectionListProps) {
  const search = useMemo(() => new ConnectionSearch(service), [service])
  useEffect(() => {
    void search.loadFirst()
    const timer = setInterval(() => {
      if (!document.hidden) void search.refresh()
    }, EVERY_MS)
    return () => clearInterval(timer)
  }, [search, search.filter.value])
  const rows = search.rows.value
  const said = search.said.value
  return (
    <>
      <SearchForm search={search} upstreams={upstreams} />
      {said !== undefined && (
        <p class={said.isBad ? 'banner bad' : 'banner good'} role="status">
          {said.text}
        </p>
      )}
      {rows.length === 0 ? (
        search.hasCome.value && <Nobody isFiltered={search.isFiltered} />
      ) : (
        <Connections rows={rows} onEnd={(one) => void search.end(one)} />
      )}
      {search.next.value !== null && <More shown={rows.length} onMore={() => void search.loadMore()} />}
    </>
  )
}

interface SearchFormProps {
  readonly search: ConnectionSearch
  readonly upstreams: readonly string[]
}

function SearchForm({ search, upstreams }: SearchFormProps) {
  const id = useId()
  const { client, upstream, rows, isFiltered, service } = search
  const isEmpty = rows.value.length === 0
  return (
    <form class="row filter" onSubmit={(event) => (event.preventDefault(), void search.loadFirst())}>
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
      <button type="button" disabled={isEmpty} onClick={() => saveCsv(service, rows.value)}>
        CSV<span class="unseen"> of these connections</span>
      </button>
      {may('operator') && (
        <ConfirmButton
          disabled={isEmpty}
          question={isFiltered ? 'End all that fit?' : `End all of ${service}?`}
          onConfirm={() => void search.endAll()}
        >
          {isFiltered ? 'End all that fit' : 'End all'}
        </ConfirmButton>
      )}
    </form>
  )
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
      <Columns
        names={[
          'Client',
          'Upstream',
          'Stage',
          { number: 'Open for' },
          { number: 'Idle' },
          { number: 'To upstream' },
          { number: 'To client' },
          { number: 'RTT' },
          ...(may('operator') ? [{ unseen: 'End' }] : []),
        ]}
      />
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
            {may('operator') && (
              <td>
                <button type="button" class="danger small" onClick={() => onEnd(row)}>
                  End<span class="unseen"> the connection of {row.client}</span>
                </button>
              </td>
            )}
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
