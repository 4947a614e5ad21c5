/** Who is banned: search, add, remove. */
import { useSignal } from '@preact/signals'
import type { BanChangeAnswer, BanList, BanOriginWord, BanView } from '../../../../src/api/contract.ts'
import { ask } from '../../api.ts'
import { AddressLink } from '../../parts/address-link.tsx'
import { useAnswer } from '../../parts/answer.ts'
import { useDoing } from '../../parts/doing.ts'
import { End, Since } from '../../parts/end.tsx'
import { ConfirmButton } from '../../parts/confirm-button.tsx'
import { Choice, Field } from '../../parts/field.tsx'
import { howMany, isWholeAddress } from '../../parts/lines.ts'
import { Empty, Notice, Problem, type Told } from '../../parts/notice.tsx'
import { RowButton } from '../../parts/row-button.tsx'
import { may } from '../../session.ts'
import { AddBans } from './add-bans.tsx'

/** Rows on the page; a search finds the others. */
const SHOWN_MAX = 200
const ASK_EVERY_MS = 5_000

export const ORIGIN_TITLES: Readonly<Record<BanOriginWord, string>> = {
  manual: 'operator',
  strikes: 'strikes',
  neighbours: 'neighbours',
  signals: 'upstream',
}
const ORIGIN_CHOICES: readonly (readonly [string, string])[] = [['', 'anybody'], ...Object.entries(ORIGIN_TITLES)]

export function Bans() {
  const origin = useSignal<BanOriginWord | ''>('')
  const search = useSignal('')
  const text = search.value.trim()
  // The API finds who an address is banned with; other words are looked for in what is here.
  const isAddress = isWholeAddress(text)
  const { answer, problem, again } = useAnswer<BanList>(pathOf(isAddress ? text : '', origin.value), ASK_EVERY_MS)
  const { told, run } = useDoing(again)
  const found = answer?.bans.filter((ban) => isAddress || isFound(ban, text.toLowerCase())) ?? []
  return (
    <>
      {may('operator') && <AddBans onDone={again} />}
      <section aria-labelledby="banned">
        <h2 id="banned">Banned now{answer !== undefined && ` (${answer.total.toLocaleString('en')})`}</h2>
        <div class="row">
          <Field
            type="search"
            label="Search: an address, or a part of reason or network"
            value={search.value}
            onValue={(value) => (search.value = value)}
            required={false}
            maxLength={100}
            grows
          />
          <Choice
            label="Made by"
            value={origin.value}
            words={ORIGIN_CHOICES}
            onValue={(value) => (origin.value = value as BanOriginWord | '')}
          />
          <div class="field">
            <Flush
              origin={origin.value}
              isNone={(answer?.total ?? 0) === 0}
              onYes={() => void run(() => flush(origin.value))}
            />
          </div>
        </div>
        <Notice told={told.value} />
        <Problem problem={problem} />
        {answer !== undefined && found.length === 0 && <NoBans isSearch={text !== '' || origin.value !== ''} />}
        {found.length > 0 && (
          <Table bans={found.slice(0, SHOWN_MAX)} onRemove={(prefix) => void run(() => removeBan(prefix))} />
        )}
        {found.length > SHOWN_MAX && (
          <p class="quiet">
            {SHOWN_MAX} of {howMany(found.length, 'ban')} are shown, the newest first. Search for the others.
          </p>
        )}
      </section>
    </>
  )
}

function pathOf(address: string, origin: BanOriginWord | ''): string {
  if (address !== '') return `/api/v1/bans?covering=${encodeURIComponent(address)}`
  return origin === '' ? '/api/v1/bans?limit=1000' : `/api/v1/bans?limit=1000&origin=${origin}`
}

async function removeBan(prefix: string): Promise<Told> {
  const { refused } = await ask<BanChangeAnswer>('DELETE', '/api/v1/bans', { prefixes: [prefix] })
  if (refused.length === 0) return { kind: 'good', text: `${prefix} is banned no more.` }
  return { kind: 'warn', text: `${refused[0].prefix} ${refused[0].why}.` }
}

async function flush(origin: BanOriginWord | ''): Promise<Told> {
  const of = origin === '' ? {} : { origin }
  const { changed } = await ask<BanChangeAnswer>('DELETE', '/api/v1/bans', { all: true, ...of })
  return { kind: 'good', text: `${howMany(changed, 'ban')} ended.` }
}

interface FlushProps {
  readonly origin: BanOriginWord | ''
  readonly isNone: boolean
  readonly onYes: () => void
}

function Flush({ origin, isNone, onYes }: FlushProps) {
  if (!may('operator')) return null
  const those = origin === '' ? '' : ` by ${ORIGIN_TITLES[origin]}`
  return (
    <ConfirmButton question={`End every ban${those}?`} disabled={isNone} onConfirm={onYes}>
      End all{those === '' ? ' bans' : those}…
    </ConfirmButton>
  )
}

function isFound({ prefix, why, by }: BanView, text: string): boolean {
  return text === '' || `${prefix}\n${why}\n${by}`.toLowerCase().includes(text)
}

function NoBans({ isSearch }: { readonly isSearch: boolean }) {
  if (isSearch) return <p class="quiet">No ban is like that.</p>
  return (
    <Empty title="Nobody is banned">
      <p>
        Who misbehaves often enough is banned by itself (protect.bans). Upstreams may tell of abusers by the API, and
        you can ban addresses and networks above.
      </p>
    </Empty>
  )
}

interface TableProps {
  readonly bans: readonly BanView[]
  readonly onRemove: (prefix: string) => void
}

function Table({ bans, onRemove }: TableProps) {
  return (
    <div class="wide">
      <table class="stacks">
        <thead>
          <tr>
            <th scope="col">Who</th>
            <th scope="col">Ends</th>
            <th scope="col">Why</th>
            <th scope="col">Made by</th>
            <th scope="col">Since</th>
            <th scope="col">
              <span class="unseen">Action</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {bans.map(({ prefix, until, why, by, origin, since, watched, repeated }) => (
            <tr key={prefix}>
              <th scope="row">
                <AddressLink source={prefix} /> {watched && <span class="badge warn">only watched</span>}
              </th>
              <td data-label="Ends">
                <End until={until} />
              </td>
              <td data-label="Why" class="text">
                {why}
                {repeated > 0 && <span class="quiet"> ({howMany(repeated, 'time')} before)</span>}
              </td>
              <td data-label="Made by">
                {ORIGIN_TITLES[origin] ?? origin} <span class="quiet">{by}</span>
              </td>
              <td data-label="Since">
                <Since at={since} />
              </td>
              <td class="number">
                {may('operator') && (
                  <RowButton label={`Remove the ban of ${prefix}`} onPress={() => onRemove(prefix)}>
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
