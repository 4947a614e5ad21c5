/** One list that operators keep: its entries, page by page, and how to change them. */
import { type Signal, useSignal } from '@preact/signals'
import type { KeptListChange, KeptListPage, ListActionWord } from '../../../../src/api/contract.ts'
import { ask } from '../../api.ts'
import { AddressLink } from '../../parts/address-link.tsx'
import { useAnswer } from '../../parts/answer.ts'
import { useDoing } from '../../parts/doing.ts'
import { End, Since } from '../../parts/end.tsx'
import { ConfirmButton } from '../../parts/confirm-button.tsx'
import { Field } from '../../parts/field.tsx'
import { howMany } from '../../parts/lines.ts'
import { Empty, Notice, Problem } from '../../parts/notice.tsx'
import { RowButton } from '../../parts/row-button.tsx'
import { linkTo } from '../../route.ts'
import { may } from '../../session.ts'
import { changeText, ImportEntries } from './import-entries.tsx'

const PER_PAGE = 100

export interface KeptListProps {
  readonly action: ListActionWord
  readonly name: string
}

export function KeptList({ action, name }: KeptListProps) {
  const path = `/api/v1/lists/${action}/${encodeURIComponent(name)}`
  const search = useSignal('')
  /** What `after` was on each page before this one, and is on this one. */
  const pages = useSignal<readonly string[]>([])
  const { answer, problem, again } = useAnswer<KeptListPage>(`${path}?${queryOf(search.value, pages.value.at(-1))}`)
  const { told, run } = useDoing(again)
  const remove = (body: object): void => {
    void run(async () => changeText(await ask<KeptListChange>('DELETE', path, body)))
  }
  const total = answer?.total ?? 0
  return (
    <>
      <Head action={action} name={name} />
      {may('operator') && <ImportEntries path={path} onDone={again} />}
      <section aria-labelledby="entries">
        <h2 id="entries">Entries{answer !== undefined && ` (${total.toLocaleString('en')})`}</h2>
        <div class="row">
          <Field
            type="search"
            label="Search: a part of network, comment or who"
            value={search.value}
            onValue={(value) => {
              search.value = value
              pages.value = []
            }}
            required={false}
            maxLength={100}
            grows
          />
          {may('operator') && (
            <div class="field">
              <ConfirmButton
                question={`Take all ${howMany(total, 'entry', 'entries')} off?`}
                disabled={total === 0}
                onConfirm={() => remove({ all: true })}
              >
                Empty the list…
              </ConfirmButton>
            </div>
          )}
        </div>
        <Notice told={told.value} />
        <Problem problem={problem} />
        {answer?.entries.length === 0 && <NoEntries total={total} action={action} />}
        {answer !== undefined && answer.entries.length > 0 && (
          <Entries entries={answer.entries} onRemove={(network) => remove({ networks: [network] })} />
        )}
        <Pager pages={pages} next={answer?.next ?? null} />
      </section>
    </>
  )
}

function queryOf(search: string, after: string | undefined): string {
  const query = new URLSearchParams({ limit: String(PER_PAGE) })
  if (search.trim() !== '') query.set('search', search.trim())
  if (after !== undefined) query.set('after', after)
  return query.toString()
}

function Head({ action, name }: KeptListProps) {
  const isAllow = action === 'allow'
  return (
    <>
      <p>
        <a href={linkTo('lists', 'all')}>← All lists</a>
      </p>
      <h2>
        {name} <span class={isAllow ? 'badge good' : 'badge bad'}>{isAllow ? 'let in' : 'refused'}</span>
      </h2>
    </>
  )
}

interface PagerProps {
  readonly pages: Signal<readonly string[]>
  readonly next: string | null
}

function Pager({ pages, next }: PagerProps) {
  if (pages.value.length === 0 && next === null) return null
  return (
    <div class="pager">
      <button
        type="button"
        disabled={pages.value.length === 0}
        onClick={() => (pages.value = pages.value.slice(0, -1))}
      >
        ← Before
      </button>
      <button type="button" disabled={next === null} onClick={() => (pages.value = [...pages.value, next ?? ''])}>
        Next →
      </button>
    </div>
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
                {may('operator') && (
                  <RowButton label={`Take ${network} off the list`} onPress={() => onRemove(network)}>
                    Remove
                  </RowButton>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
