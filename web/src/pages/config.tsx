/** The configuration file: edited with its errors in place, compared before it is applied, and its history. */
import { useEffect, useRef, useState } from 'preact/hooks'
import {
  apply,
  base,
  check,
  checked,
  conflict,
  type Conflict,
  discard,
  done,
  draft,
  failure,
  isBusy,
  isChanged,
  load,
  problems,
  schema,
  settle,
  write,
} from '../config/config-state.ts'
import '../config/config.css'
import { Difference } from '../config/difference.tsx'
import { Editor } from '../config/editor.tsx'
import { goToPlace } from '../config/editor-parts.tsx'
import { useCalm } from '../config/editor-view.ts'
import { History } from '../config/history.tsx'

/** After the last key. */
const CHECK_AFTER_MS = 800

export default function Config() {
  useEffect(() => void load(), [])
  if (base.value === undefined) return <p class="quiet">{failure.value ?? 'Reading the file…'}</p>
  const { file, version, readOnly } = base.value
  return (
    <>
      <h1>Config</h1>
      <p class="quiet">
        <code>{file}</code>, version <code>{version.slice(0, 12)}</code>
      </p>
      {readOnly !== null && <p class="banner warn">Read-only: {readOnly}</p>}
      {failure.value !== undefined && (
        <p class="banner bad" role="alert">
          {failure.value}
        </p>
      )}
      {done.value !== undefined && (
        <p class="banner good" role="status">
          {done.value}
        </p>
      )}
      {conflict.value === undefined ? <Writing isReadOnly={readOnly !== null} /> : <Settling {...conflict.value} />}
      <History />
    </>
  )
}

function Writing({ isReadOnly }: { readonly isReadOnly: boolean }) {
  const [isReviewed, setReviewed] = useState(false)
  useCalm(draft.value, CHECK_AFTER_MS, () => {
    if (isChanged.value) void check()
  })
  useLeaveWarning()
  const review = (): void => {
    if (!isChanged.value) return
    void check()
    setReviewed(true)
  }
  return (
    <section aria-label="Editor">
      <Editor
        text={draft.value}
        schema={schema.value}
        problems={problems.value}
        isReadOnly={isReadOnly}
        onText={(text) => {
          write(text)
          setReviewed(false)
        }}
        onSave={review}
      />
      <Problems />
      {isReviewed && isChanged.value && <Review onDone={() => setReviewed(false)} />}
      {!isReadOnly && !isReviewed && (
        <div class="row">
          <button type="button" class="main" disabled={!isChanged.value} onClick={review}>
            Review the change
          </button>
          <button type="button" disabled={!isChanged.value} onClick={discard}>
            Discard
          </button>
        </div>
      )}
    </section>
  )
}

function Problems() {
  const { answer, text } = checked.value ?? {}
  const isOld = text !== draft.value
  return (
    <div id="config-problems" role="status">
      {problems.value.length > 0 && (
        <ul class="problems">
          {problems.value.map(({ line, column, key, value, message, code }, i) => (
            <li key={i}>
              <button type="button" class="place" onClick={() => goToPlace(line, column)}>
                Line {line}, column {column}
              </button>{' '}
              {key !== '' && <code>{key}: </code>}
              {value} {message} <span class="quiet">{code}</span>
            </li>
          ))}
        </ul>
      )}
      {!isOld && (answer?.kind === 'needs-restart' || answer?.kind === 'failed') && (
        <p class="banner bad">
          {answer.text} {answer.notPutBack !== undefined && `The text is still in the file: ${answer.notPutBack}`}
        </p>
      )}
    </div>
  )
}

/** Only what was checked as it stands can be applied. */
function Review({ onDone }: { readonly onDone: () => void }) {
  const [why, setWhy] = useState('')
  const heading = useRef<HTMLHeadingElement>(null)
  const { answer, text } = checked.value ?? {}
  const isReady = text === draft.value && answer?.kind === 'checked'
  useEffect(() => {
    if (isReady) heading.current?.focus()
  }, [isReady])
  const applyIt = async (event: Event): Promise<void> => {
    event.preventDefault()
    if (await apply(why)) onDone()
  }
  if (text !== draft.value) return <p class="quiet">Checking…</p>
  if (answer?.kind !== 'checked') return null
  return (
    <form class="review" onSubmit={(event) => void applyIt(event)}>
      <h2 ref={heading} tabIndex={-1}>
        What changes
      </h2>
      <pre class="summary" tabIndex={0} role="region" aria-label="What changes">
        {answer.text}
      </pre>
      <Difference unified={answer.unified} name="The change of the text" />
      <div class="field">
        <label for="config-why">Why</label>
        <input
          id="config-why"
          value={why}
          maxLength={500}
          placeholder="for the history"
          onInput={(event) => setWhy(event.currentTarget.value)}
        />
      </div>
      <div class="row">
        <button type="submit" class="main" disabled={isBusy.value}>
          {isBusy.value ? 'Applying…' : 'Apply'}
        </button>
        <button type="button" onClick={onDone}>
          Back to the text
        </button>
      </div>
    </form>
  )
}

function Settling({ theirChange, ourChange }: Conflict) {
  return (
    <section aria-labelledby="conflict">
      <h2 id="conflict">Somebody else has changed the file meanwhile</h2>
      <p role="alert">Nothing of yours is written, and nothing is lost.</p>
      <h3>What they changed</h3>
      <Difference unified={theirChange} name="What they changed" />
      <h3>What your text would make of theirs</h3>
      <Difference unified={ourChange} name="What your text would make of theirs" />
      <div class="row">
        <button type="button" class="main" onClick={() => void settle(true)}>
          Go on with my text
        </button>
        <button type="button" onClick={() => void settle(false)}>
          Take theirs
        </button>
      </div>
    </section>
  )
}

/** The browser asks before a text is lost. */
function useLeaveWarning(): void {
  useEffect(() => {
    const warn = (event: BeforeUnloadEvent): void => {
      if (isChanged.value) event.preventDefault()
    }
    addEventListener('beforeunload', warn)
    return () => removeEventListener('beforeunload', warn)
  }, [])
}
