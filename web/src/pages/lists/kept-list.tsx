/** One list that operators keep: its entries, page by page, and how to change them. */
import { useSignal } from '@preact/signals'
import type { KeptListChange, KeptListPage, ListActionWord } from '../../../../src/api/contract.ts'
import { ask } from '../../api.ts'
import { AddressLink } from '../../parts/address-link.tsx'
import { asApiError, useAnswer } from '../../parts/answer.ts'
import { End, Since } from '../../parts/end.tsx'
import { howMany } from '../../parts/lines.ts'
import { Empty, Notice, Problem, type Told } from '../../parts/notice.tsx'
import { Sure } from '../../parts/sure.tsx'
import { linkTo } from '../../route.ts'
import { changeText, ImportEntries } from './import-entries.tsx'

const PER_PAGE = 100

export interface KeptListProps {
  readonly action: ListActionWord
  readonly name: string
}

export function KeptList({ action, name }: KeptListProps) {
  const path = `/api/v1/lists/${action}/${encodeURIComponent(name)}`
  const search = useSignal('')
  /** What `after` was on each page before this one. */
  const pages = useSignal<readonly string[]>([])
  const told = useSignal<Told | undefined>(undefined)
  const after = pages.value.at(-1)
  const query = new URLSearchParams({ limit: String(PER_PAGE) })
  if (search.value.trim() !== '') query.set('search', search.value.trim())
  if (after !== undefined) query.set('after', after)
  const { answer, problem, again } = useAnswer<KeptListPage>(`${path}?${query.toString()}`)

  const remove = async (body: object): Promise<void> => {
    try {
      told.value = changeText(await ask<KeptListChange>('DELETE', path, body))
    } catch (error) {
      told.value = { kind: 'bad', text: asApiError(error).message }
    }
    again()
  }

  return (
    <>
      <p>
        <a href={linkTo('lists', 'all')}>← All lists</a>
      </p>
      <h2>
        {name}{' '}
        <span class={action === 'allow' ? 'badge good' : 'badge bad'}>{action === 'allow' ? 'let in' : 'refused'}</span>
      </h2>
      <ImportEntries path={path} onDone={again} />
      <section aria-labelledby="entries">
        <h2 id="entries">Entries{answer !== undefined && ` (${answer.total.toLocaleString('en')})`}</h2>
        <div class="row">
          <div class="field grows">
            <label for="entry-search">Search: a part of network, comment or who</label>
            <input
              id="entry-search"
              type="search"
              value={search.value}
              maxLength={100}
              onInput={({ currentTarget }) => {
                search.value = currentTarget.value
                pages.value = []
              }}
            />
          </div>
          <div class="field">
            <Sure
              label="Empty the list…"
              question={`Take all ${howMany(answer?.total ?? 0, 'entry', 'entries')} off?`}
              yes="Empty it"
              disabled={(answer?.total ?? 0) === 0}
              onYes={() => void remove({ all: true })}
            />
          </div>
        </div>
        <Notice told={told.value} />
        <Problem problem={problem} />
        {answer?.entries.length === 0 && <NoEntries total={answer.total} action={action} />}
        {answer !== undefined && answer.entries.length > 0 && (
          <Entries entries={answer.entries} onRemove={(network) => void remove({ networks: [network] })} />
        )}
        {(pages.value.length > 0 || (answer?.next ?? null) !== null) && (
          <div class="pager">
            <button
              type="button"
              disabled={pages.value.length === 0}
              onClick={() => (pages.value = pages.value.slice(0, -1))}
            >
              ← Before
            </button>
            <button
              type="button"
              disabled={(answer?.next ?? null) === null}
              onClick={() => (pages.value = [...pages.value, answer?.next ?? ''])}
            >
              Next →
            </button>
          </div>
        )}
      </section>
    </>
  )
}

function NoEntries({ total, action }: { readonly total: number; readonly action: ListActionWord }) {
  if (total > 0) return <p class="quiet">No entry is like that.</p>
  return (
    <Empty title="Nobody is on it yet">
      <p>
        Paste networks above, or choose a file. {action === 'deny' ? 'They are refused' : 'They are let in'} from then
        on, until you take them off or their time is over.
      </p>
    </Empty>
  )
}

interface EntriesProps {
  readonly entries: KeptListPage['entries']
  readonly onRemove: (network: string) => void
}

function Entries({ entries, onRemove }: EntriesProps) {
  return (
    <div class="wide">
      <table class="stacks">
        <thead>
          <tr>
            <th scope="col">Network</th>
            <th scope="col">Ends</th>
            <th scope="col">Comment</th>
            <th scope="col">By</th>
            <th scope="col">Since</th>
            <th scope="col">
              <span class="unseen">Action</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {entries.map(({ network, until, comment, by, since }) => (
            <tr key={network}>
              <th scope="row">
                <AddressLink source={network} />
              </th>
              <td data-label="Ends">
                <End until={until} />
              </td>
              <td data-label="Comment" class="text">
                {comment}
              </td>
              <td data-label="By">{by}</td>
              <td data-label="Since">
                <Since at={since} />
              </td>
              <td class="number">
                <button type="button" aria-label={`Take ${network} off the list`} onClick={() => onRemove(network)}>
                  Remove
                </button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
