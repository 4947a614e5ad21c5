/** Puts on a list what is pasted or in a file: one network or thousands, added or instead of what is there. */
import { useSignal } from '@preact/signals'
import type { KeptListChange } from '../../../../src/api/contract.ts'
import { ask } from '../../api.ts'
import { asApiError } from '../../parts/answer.ts'
import { howMany, linesOf } from '../../parts/lines.ts'
import { Notice, type Told } from '../../parts/notice.tsx'
import { TtlField } from '../../parts/ttl-field.tsx'

/** What one request takes, with room for the rest of it. */
const TEXT_BYTES_MAX = 4 * 1024 * 1024 - 4096

interface ImportProps {
  readonly path: string
  readonly onDone: () => void
}

export function ImportEntries({ path, onDone }: ImportProps) {
  const text = useSignal('')
  const comment = useSignal('')
  const ttlMs = useSignal(0)
  const isWhole = useSignal(false)
  const force = useSignal(false)
  const told = useSignal<Told | undefined>(undefined)
  const isBusy = useSignal(false)

  const choose = async (file: File | undefined): Promise<void> => {
    if (file === undefined) return
    if (file.size > TEXT_BYTES_MAX) {
      told.value = {
        kind: 'bad',
        text: `${file.name} is larger than 4 MiB. Name it in protect.lists of the configuration instead.`,
      }
      return
    }
    text.value = await file.text()
    told.value = {
      kind: 'good',
      text: `${file.name} is read: ${howMany(linesOf(text.value).length, 'line')} to look at before you take them.`,
    }
  }
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault()
    isBusy.value = true
    try {
      const body = { text: text.value, comment: comment.value, ttlMs: ttlMs.value, force: force.value }
      told.value = changeText(await ask<KeptListChange>(isWhole.value ? 'PUT' : 'POST', path, body))
      text.value = ''
    } catch (error) {
      told.value = { kind: 'bad', text: asApiError(error).message }
    }
    isBusy.value = false
    onDone()
  }

  return (
    <section aria-labelledby="import">
      <h2 id="import">Add or import</h2>
      <form onSubmit={(event) => void submit(event)}>
        <div class="field">
          <label for="import-text">Networks, one a line: plain, with comments behind # or ;, or Spamhaus DROP</label>
          <textarea
            id="import-text"
            class="mono full"
            rows={4}
            spellcheck={false}
            placeholder={'192.0.2.0/24 ; SBL123\n198.51.100.1-198.51.100.9   # a range'}
            value={text.value}
            onInput={({ currentTarget }) => (text.value = currentTarget.value)}
          />
        </div>
        <div class="row">
          <div class="field grows">
            <label for="import-file">or from a file</label>
            <input
              id="import-file"
              type="file"
              accept=".txt,.json,.list,.netset,.csv,text/plain"
              onChange={({ currentTarget }) => void choose(currentTarget.files?.[0])}
            />
          </div>
          <div class="field grows">
            <label for="import-comment">Comment where a line has none</label>
            <input
              id="import-comment"
              value={comment.value}
              maxLength={120}
              onInput={({ currentTarget }) => (comment.value = currentTarget.value)}
            />
          </div>
          <TtlField id="import-ttl" value={ttlMs.value} onChange={(ms) => (ttlMs.value = ms)} />
        </div>
        <fieldset class="choices-of">
          <legend class="unseen">What is done with it</legend>
          <label class="check">
            <input type="radio" name="import-mode" checked={!isWhole.value} onChange={() => (isWhole.value = false)} />{' '}
            add to the list
          </label>
          <label class="check">
            <input type="radio" name="import-mode" checked={isWhole.value} onChange={() => (isWhole.value = true)} />{' '}
            replace the whole list
          </label>
          <label class="check">
            <input
              type="checkbox"
              checked={force.value}
              onChange={({ currentTarget }) => (force.value = currentTarget.checked)}
            />{' '}
            also networks wider than a /8 (IPv6: /16)
          </label>
        </fieldset>
        <button type="submit" class="main" disabled={text.value.trim() === '' || isBusy.value}>
          {isBusy.value ? 'Taking…' : isWhole.value ? 'Replace the list' : 'Add'}
        </button>
      </form>
      <Notice told={told.value} />
    </section>
  )
}

export function changeText({
  added,
  changed,
  removed,
  unchanged,
  refused,
  refusedCount,
  entries,
  inForce,
}: KeptListChange): Told {
  const parts = Object.entries({ added, changed, removed, unchanged }).filter(([, number]) => number > 0)
  const done = parts.map(([what, number]) => `${number.toLocaleString('en')} ${what}`).join(', ') || 'Nothing changed'
  const now = `${done}; ${howMany(entries, 'entry is', 'entries are')} on the list.`
  const late = inForce ? '' : ' It is kept, but not in force yet: the log says why.'
  if (refusedCount === 0) return { kind: inForce ? 'good' : 'warn', text: now + late }
  const more = refused.map(({ line, message }) => `Line ${line}: ${message}`)
  if (refusedCount > refused.length) more.push(`And ${(refusedCount - refused.length).toLocaleString('en')} more.`)
  return { kind: 'warn', text: `${now}${late} ${howMany(refusedCount, 'line')} left out:`, more }
}
