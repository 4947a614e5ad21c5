/** Who changed what, from where, and what became of it. */
import { useEffect, useState } from 'preact/hooks'
import type { AuditAnswer } from '../../../src/api/contract.ts'
import { get } from '../api.ts'
import { time } from '../format.ts'
import { Columns } from '../parts/columns.tsx'
import { Field } from '../parts/field.tsx'
import { Form } from '../parts/form.tsx'

type Entry = AuditAnswer['entries'][number]

interface Filter {
  readonly who: string
  readonly action: string
}

export default function Audit() {
  const [who, setWho] = useState('')
  const [action, setAction] = useState('')
  const [filter, setFilter] = useState<Filter>({ who: '', action: '' })
  const [entries, setEntries] = useState<readonly Entry[] | undefined>()
  const [next, setNext] = useState<number | null>(null)
  const [problem, setProblem] = useState('')
  const load = async (asked: Filter, before?: number): Promise<void> => {
    const page = await get<AuditAnswer>(pathFor(asked, before))
    setEntries(before === undefined ? page.entries : [...(entries ?? []), ...page.entries])
    setNext(page.next)
  }
  useEffect(() => void load(filter).catch((error: Error) => setProblem(error.message)), [])
  const search = async (): Promise<void> => {
    setFilter({ who, action })
    setProblem('')
    await load({ who, action })
  }
  return (
    <>
      <h1>Audit</h1>
      <section aria-label="Search">
        <Form verb="Show" onSend={search} isRow>
          <Field label="Who" value={who} onValue={setWho} required={false} />
          <Field label="Action" value={action} onValue={setAction} required={false} />
        </Form>
      </section>
      <section aria-label="Entries" tabIndex={0}>
        <p class="bad-text" role="alert">
          {problem}
        </p>
        {entries === undefined ? (
          <p class="quiet">Loading…</p>
        ) : entries.length === 0 ? (
          <p>Nothing yet. Whatever changes something here is listed, with who did it.</p>
        ) : (
          <Entries entries={entries} />
        )}
        {next !== null && (
          <button
            type="button"
            onClick={() => void load(filter, next).catch((error: Error) => setProblem(error.message))}
          >
            Older ones
          </button>
        )}
      </section>
    </>
  )
}

function Entries({ entries }: { readonly entries: readonly Entry[] }) {
  return (
    <table>
      <Columns names={['When', 'Who', 'From', 'Action', 'What', 'Result']} />
      <tbody>
        {entries.map(({ id, at, who, from, action, target, details, result }) => (
          <tr key={id}>
            <td class="time">{time(at)}</td>
            <th scope="row">{who}</th>
            <td>{from}</td>
            <td>
              <code>{action}</code>
            </td>
            <td class="what">
              {target} <span class="quiet">{typeof details === 'string' ? details : JSON.stringify(details)}</span>
            </td>
            <td>
              <span class={result === 'done' ? 'badge good' : 'badge bad'}>{result}</span>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function pathFor({ who, action }: Filter, before: number | undefined): string {
  const query = new URLSearchParams()
  if (who !== '') query.set('who', who)
  if (action !== '') query.set('action', action)
  if (before !== undefined) query.set('before', String(before))
  return `/api/v1/audit?${query.toString()}`
}
