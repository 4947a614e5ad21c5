/** Puts on a list what is pasted or in a file: one network or thousands, added or instead of what is there. */
import { type Signal, useSignal } from '@preact/signals'
import type { KeptListChange } from '../../../../src/api/contract.ts'
import { ask } from '../../api.ts'
import { useDoing } from '../../parts/doing.ts'
import { Field, LinesField, Tick } from '../../parts/field.tsx'
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
  const { told, isBusy, run } = useDoing(onDone)
  const take = async (): Promise<Told> => {
    const body = { text: text.value, comment: comment.value, ttlMs: ttlMs.value, force: force.value }
    const change = await ask<KeptListChange>(isWhole.value ? 'PUT' : 'POST', path, body)
    text.value = ''
    return changeText(change)
  }
  const submit = (event: SubmitEvent): void => {
    event.preventDefault()
    void run(take)
  }
  return (
    <section aria-labelledby="import">
      <h2 id="import">Add or import</h2>
      <form onSubmit={submit}>
        <LinesField
          label="Networks, one a line: plain, with comments behind # or ;, or Spamhaus DROP"
          value={text.value}
          onValue={(value) => (text.value = value)}
          rows={4}
          placeholder={'192.0.2.0/24 ; SBL123\n198.51.100.1-198.51.100.9   # a range'}
        />
        <div class="row">
          <FileField onFile={(file) => void run(() => readInto(text, file))} />
          <Field
            label="Comment where a line has none"
            value={comment.value}
            onValue={(value) => (comment.value = value)}
            required={false}
            maxLength={120}
            grows
          />
          <TtlField value={ttlMs} />
        </div>
        <fieldset class="choices-of">
          <legend class="unseen">What is done with it</legend>
          <ModeField isWhole={isWhole} />
          <Tick isOn={force.value} onChange={(isOn) => (force.value = isOn)}>
            also networks wider than a /8 (IPv6: /16)
          </Tick>
        </fieldset>
        <button type="submit" class="main" disabled={text.value.trim() === '' || isBusy.value}>
          {isBusy.value ? 'Taking…' : isWhole.value ? 'Replace the list' : 'Add'}
        </button>
      </form>
      <Notice told={told.value} />
    </section>
  )
}

async function readInto(text: Signal<string>, file: File): Promise<Told> {
  if (file.size > TEXT_BYTES_MAX) {
    return {
      kind: 'bad',
      text: `${file.name} is larger than 4 MiB. Name it in protect.lists of the configuration instead.`,
    }
  }
  text.value = await file.text()
  const lines = howMany(linesOf(text.value).length, 'line')
  return { kind: 'good', text: `${file.name} is read: ${lines} to look at before you take them.` }
}

function FileField({ onFile }: { readonly onFile: (file: File) => void }) {
  return (
    <div class="field grows">
      <label for="import-file">or from a file</label>
      <input
        id="import-file"
        type="file"
        accept=".txt,.json,.list,.netset,.csv,text/plain"
        onChange={({ currentTarget }) => {
          const file = currentTarget.files?.[0]
          // The same one may be chosen again, when it has changed.
          if (file !== undefined) onFile(file)
        }}
        onClick={({ currentTarget }) => (currentTarget.value = '')}
      />
    </div>
  )
}

function ModeField({ isWhole }: { readonly isWhole: Signal<boolean> }) {
  return (
    <>
      <label class="check">
        <input type="radio" name="import-mode" checked={!isWhole.value} onChange={() => (isWhole.value = false)} />
        <span>add to the list</span>
      </label>
      <label class="check">
        <input type="radio" name="import-mode" checked={isWhole.value} onChange={() => (isWhole.value = true)} />
        <span>replace the whole list</span>
      </label>
    </>
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
