/** The lists in force: of files and configuration to look at, of operators to change. */
import { useSignal } from '@preact/signals'
import type { ListsAnswer, ListStatus } from '../../../../src/api/contract.ts'
import { count } from '../../format.ts'
import { useAnswer } from '../../parts/answer.ts'
import { Since } from '../../parts/end.tsx'
import { Choice, Field } from '../../parts/field.tsx'
import { Empty, Problem } from '../../parts/notice.tsx'
import { goTo, linkTo } from '../../route.ts'
import { may } from '../../session.ts'

const ASK_EVERY_MS = 10_000

export function AllLists() {
  const { answer, problem } = useAnswer<ListsAnswer>('/api/v1/lists', ASK_EVERY_MS)
  return (
    <>
      <section aria-labelledby="in-force">
        <h2 id="in-force">In force</h2>
        <p class="quiet">
          An allow list is asked before bans and deny lists: who is on one is always let in. Lists of files change with
          the file; lists kept here change at once.
        </p>
        <Problem problem={problem} />
        {answer?.lists.length === 0 && (
          <Empty title="No list names anybody">
            <p>Begin one below, or name a file in protect.lists of the configuration.</p>
          </Empty>
        )}
        {answer !== undefined && answer.lists.length > 0 && <Table lists={answer.lists} />}
      </section>
      {may('operator') && <NewList />}
    </>
  )
}

function Table({ lists }: { readonly lists: readonly ListStatus[] }) {
  return (
    <div class="wide">
      <table class="stacks">
        <thead>
          <tr>
            <th scope="col">List</th>
            <th scope="col">Who is on it</th>
            <th scope="col" class="number">
              Entries
            </th>
            <th scope="col">Changed or read</th>
            <th scope="col">Where it is kept</th>
          </tr>
        </thead>
        <tbody>
          {lists.map((list) => (
            <Row key={`${list.action} ${list.name}`} list={list} />
          ))}
        </tbody>
      </table>
    </div>
  )
}

function Row({
  list: { name, kept, action, entries, readAt, file, problem, badLines, firstBadLines },
}: {
  readonly list: ListStatus
}) {
  return (
    <tr>
      <th scope="row">{kept === null ? name : <a href={linkTo('lists', 'kept', action, kept)}>{kept}</a>}</th>
      <td data-label="Who is on it">
        <span class={action === 'allow' ? 'badge good' : 'badge bad'}>{action === 'allow' ? 'let in' : 'refused'}</span>
      </td>
      <td data-label="Entries" class="number">
        {count(entries)}
      </td>
      <td data-label="Changed">
        <Since at={readAt} />
      </td>
      <td data-label="Kept in" class="text">
        {kept === null ? <span class="mono">{file}</span> : 'here'}
        {problem !== null && <p class="bad-text">{problem}. What was read before is in force.</p>}
        {badLines > 0 && (
          <details>
            <summary class="warn-text">{count(badLines)} lines left out</summary>
            <ul class="refusals">
              {firstBadLines.map(({ line, message }) => (
                <li key={line}>
                  Line {line}: {message}
                </li>
              ))}
            </ul>
          </details>
        )}
      </td>
    </tr>
  )
}

const ACTION_CHOICES = [
  ['deny', 'refused (deny)'],
  ['allow', 'let in (allow)'],
] as const
const NAME = /^[a-z\d][a-z\d._-]{0,39}$/

function NewList() {
  const action = useSignal('deny')
  const name = useSignal('')
  const isWrong = name.value !== '' && !NAME.test(name.value)
  const open = (event: SubmitEvent): void => {
    event.preventDefault()
    if (NAME.test(name.value)) goTo('lists', 'kept', action.value, name.value)
  }
  return (
    <section aria-labelledby="new-list">
      <h2 id="new-list">Keep a list here</h2>
      <form class="row" onSubmit={open}>
        <Choice
          label="Who is on it is"
          value={action.value}
          words={ACTION_CHOICES}
          onValue={(value) => (action.value = value)}
        />
        <Field
          label="Name"
          value={name.value}
          onValue={(value) => (name.value = value)}
          error={isWrong ? 'Lower-case letters, digits, dots, _ and -, at most 40.' : undefined}
          maxLength={40}
          placeholder="scanners"
          grows
        />
        <div class="field">
          <button type="submit" class="main" disabled={!NAME.test(name.value)}>
            Open
          </button>
        </div>
      </form>
    </section>
  )
}
