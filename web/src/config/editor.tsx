/**
 * A text area with line numbers, marks at what is wrong, and what may be written at the caret. Tab leaves it, as
 * everywhere: who works by keyboard is not caught in it.
 */
import { useRef, useState } from 'preact/hooks'
import { meaningAt, type Schema } from './complete.ts'
import { breakLine, useOptions } from './editor-keys.ts'
import { Gutter, Marks, Meaning, Options, OPTIONS_ID, optionId, TEXT_ID } from './editor-parts.tsx'
import { type ConfigProblem, lineCountOf, useCell, type View } from './editor-view.ts'

interface EditorProps {
  readonly text: string
  readonly schema: Schema
  readonly problems: readonly ConfigProblem[]
  readonly isReadOnly: boolean
  readonly onText: (text: string) => void
  readonly onSave: () => void
}

export function Editor({ text, schema, problems, isReadOnly, onText, onSave }: EditorProps) {
  const area = useRef<HTMLTextAreaElement>(null)
  const [caret, setCaret] = useState(0)
  const [scroll, setScroll] = useState({ top: 0, left: 0 })
  const options = useOptions(area, schema)
  const { open } = options
  const view: View = { ...useCell(area), ...scroll }
  const onKeyDown = (event: KeyboardEvent): void => {
    const save = (event.ctrlKey || event.metaKey) && (event.key === 's' || event.key === 'Enter')
    if (save || (event.ctrlKey && event.key === ' ')) {
      event.preventDefault()
      if (save) onSave()
      else options.look(true)
    } else if (options.takesKey(event.key)) {
      event.preventDefault()
    } else if (event.key === 'Enter' && !event.shiftKey && !isReadOnly) {
      event.preventDefault()
      breakLine(area.current!)
    }
  }
  const onInput = ({ currentTarget }: { readonly currentTarget: HTMLTextAreaElement }): void => {
    onText(currentTarget.value)
    setCaret(currentTarget.selectionStart)
    options.look(false)
  }
  return (
    <div class="editor">
      <div class="panes">
        <Gutter lineCount={lineCountOf(text)} problems={problems} view={view} />
        <div class="text">
          <Marks problems={problems} view={view} />
          <textarea
            ref={area}
            id={TEXT_ID}
            aria-label="The configuration file"
            aria-haspopup="listbox"
            aria-controls={open === undefined ? undefined : OPTIONS_ID}
            aria-activedescendant={open === undefined ? undefined : optionId(open.chosen)}
            aria-autocomplete="list"
            aria-invalid={problems.length > 0}
            aria-describedby="config-problems config-meaning"
            wrap="off"
            spellcheck={false}
            autocapitalize="off"
            readOnly={isReadOnly}
            value={text}
            onInput={onInput}
            onSelect={({ currentTarget }) => setCaret(currentTarget.selectionStart)}
            onClick={options.close}
            onBlur={options.close}
            onKeyDown={onKeyDown}
            onScroll={({ currentTarget: { scrollTop: top, scrollLeft: left } }) => setScroll({ top, left })}
          />
          {open !== undefined && <Options open={open} text={text} view={view} onTake={options.take} />}
        </div>
      </div>
      <Meaning of={meaningAt(text, caret, schema)} />
    </div>
  )
}
