/**
 * A text area with line numbers, marks at what is wrong, and what may be written at the caret. Tab leaves it, as
 * everywhere: who works by keyboard is not caught in it.
 */
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { ConfigProblem } from '../../../src/api/contract.ts'
import { type Completion, completionAt, meaningAt, type Schema } from './complete.ts'

interface EditorProps {
  readonly text: string
  readonly schema: Schema
  readonly problems: readonly ConfigProblem[]
  readonly isReadOnly: boolean
  readonly onText: (text: string) => void
  readonly onSave: () => void
}

/** So many fit below each other. */
const OPTIONS_SHOWN_MAX = 10
const INDENT = '  '

interface Open extends Completion {
  readonly chosen: number
  /** Somebody asked for it, or went into it: Enter takes what is chosen. */
  readonly isAskedFor: boolean
}

export function Editor({ text, schema, problems, isReadOnly, onText, onSave }: EditorProps) {
  const area = useRef<HTMLTextAreaElement>(null)
  const [caret, setCaret] = useState(0)
  const [scroll, setScroll] = useState({ top: 0, left: 0 })
  const [open, setOpen] = useState<Open | undefined>(undefined)
  const cell = useCell(area)
  const lines = text.split('\n')
  const wrong = new Set(problems.map(({ line }) => line))
  const meaning = meaningAt(text, caret, schema)

  const look = (isAskedFor: boolean): void => {
    const at = area.current!.selectionStart
    const { from, options } = completionAt(area.current!.value, at, schema)
    const isWanted = options.length > 0 && (isAskedFor || from < at)
    setOpen(isWanted ? { from, options: options.slice(0, OPTIONS_SHOWN_MAX), chosen: 0, isAskedFor } : undefined)
  }
  const take = (at: number): void => {
    const { from, options } = open!
    insert(area.current!, from, area.current!.selectionStart, options[at]!.insert)
    setOpen(undefined)
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    const save = (event.ctrlKey || event.metaKey) && (event.key === 's' || event.key === 'Enter')
    if (save || (event.ctrlKey && event.key === ' ')) {
      event.preventDefault()
      if (save) onSave()
      else look(true)
    } else if (open !== undefined && onOpenKey(event.key, open, setOpen, take)) {
      event.preventDefault()
    } else if (event.key === 'Enter' && !event.shiftKey && !isReadOnly) {
      event.preventDefault()
      breakLine(area.current!)
    }
  }
  const option = open === undefined ? undefined : `option-${open.chosen}`
  return (
    <div class="editor">
      <div class="panes">
        <div class="gutter" aria-hidden="true">
          <div style={{ transform: `translateY(${-scroll.top}px)` }}>
            {lines.map((_, i) => (
              <div key={i} class={wrong.has(i + 1) ? 'wrong' : undefined}>
                {i + 1}
              </div>
            ))}
          </div>
        </div>
        <div class="text">
          <div class="marks" aria-hidden="true">
            {problems.map(({ line, column }, i) => (
              <div
                key={i}
                style={{
                  transform: `translateY(${place(line - 1, cell.height, scroll.top)}px)`,
                  height: `${cell.height}px`,
                }}
              >
                <i style={{ left: `${cell.left + (column - 1) * cell.width - scroll.left}px` }} />
              </div>
            ))}
          </div>
          <textarea
            ref={area}
            id="config-text"
            aria-label="The configuration file"
            aria-haspopup="listbox"
            aria-controls={open === undefined ? undefined : 'config-options'}
            aria-activedescendant={option}
            aria-autocomplete="list"
            aria-invalid={problems.length > 0}
            aria-describedby="config-problems config-meaning"
            wrap="off"
            spellcheck={false}
            autocomplete="off"
            autocapitalize="off"
            readOnly={isReadOnly}
            value={text}
            onInput={({ currentTarget }) => {
              onText(currentTarget.value)
              setCaret(currentTarget.selectionStart)
              look(false)
            }}
            onSelect={({ currentTarget }) => setCaret(currentTarget.selectionStart)}
            onClick={() => setOpen(undefined)}
            onBlur={() => setOpen(undefined)}
            onKeyDown={onKeyDown}
            onScroll={({ currentTarget: { scrollTop: top, scrollLeft: left } }) => setScroll({ top, left })}
          />
          {open !== undefined && (
            <ul id="config-options" class="options" role="listbox" style={below(text, open.from, cell, scroll)}>
              {open.options.map(({ label, description }, i) => (
                <li
                  key={label}
                  id={`option-${i}`}
                  role="option"
                  aria-selected={i === open.chosen}
                  // The text area keeps the focus.
                  onMouseDown={(event) => {
                    event.preventDefault()
                    take(i)
                  }}
                >
                  <code>{label}</code> <span class="quiet">{description}</span>
                </li>
              ))}
            </ul>
          )}
        </div>
      </div>
      <p id="config-meaning" class="meaning quiet">
        {meaning === undefined ? (
          'Ctrl+Space: what may stand here. Ctrl+S: review the change.'
        ) : (
          <>
            <code>{meaning.path}</code> {meaning.description}
          </>
        )}
      </p>
    </div>
  )
}

/** Puts the caret where it is wrong. */
export function goToPlace(line: number, column: number): void {
  const area = document.getElementById('config-text') as HTMLTextAreaElement
  const lines = area.value.split('\n')
  const start = lines.slice(0, line - 1).reduce((sum, { length }) => sum + length + 1, 0)
  const at = start + Math.min(column - 1, lines[line - 1]?.length ?? 0)
  area.focus()
  area.setSelectionRange(at, at)
  area.scrollTop = Math.max(0, (area.scrollHeight * (line - 5)) / lines.length)
}

interface Cell {
  readonly width: number
  readonly height: number
  /** Of the first character. */
  readonly left: number
}

/** All characters are as wide as this one. */
function useCell(area: { readonly current: HTMLTextAreaElement | null }): Cell {
  const [cell, setCell] = useState<Cell>({ width: 8, height: 21, left: 8 })
  useLayoutEffect(() => {
    const style = getComputedStyle(area.current!)
    const context = document.createElement('canvas').getContext('2d')!
    context.font = `${style.fontSize} ${style.fontFamily}`
    setCell({
      width: context.measureText('0').width,
      height: Number.parseFloat(style.lineHeight),
      left: Number.parseFloat(style.paddingLeft),
    })
  }, [])
  return cell
}

function place(line: number, height: number, scrollTop: number): number {
  return line * height - scrollTop
}

function below(text: string, at: number, { width, height, left }: Cell, scroll: { top: number; left: number }) {
  const before = text.slice(0, at).split('\n')
  return {
    top: `${place(before.length, height, scroll.top) + 10}px`,
    left: `${left + before.at(-1)!.length * width - scroll.left}px`,
  }
}

/** True when the key was for the list. */
function onOpenKey(
  key: string,
  open: Open,
  setOpen: (open: Open | undefined) => void,
  take: (at: number) => void,
): boolean {
  const { chosen, options, isAskedFor } = open
  if (key === 'ArrowDown' || key === 'ArrowUp') {
    const step = key === 'ArrowDown' ? (isAskedFor ? 1 : 0) : options.length - 1
    setOpen({ ...open, chosen: (chosen + step) % options.length, isAskedFor: true })
    return true
  }
  if (key === 'Enter' && isAskedFor) {
    take(chosen)
    return true
  }
  setOpen(undefined)
  return key === 'Escape'
}

/** The next line begins below this one's text; deeper after a colon. */
function breakLine(area: HTMLTextAreaElement): void {
  const { selectionStart: from, selectionEnd: to, value } = area
  const line = value.slice(value.lastIndexOf('\n', from - 1) + 1, from)
  const [, indent = '', dashes = ''] = /^( *)((?:- +)*)/.exec(line) ?? []
  const deeper = /:\s*(#.*)?$/.test(line) ? INDENT : ''
  insert(area, from, to, `\n${indent}${' '.repeat(dashes.length)}${deeper}`)
}

/** So that it can be undone; the old command is the only one that does. */
function insert(area: HTMLTextAreaElement, from: number, to: number, text: string): void {
  area.focus()
  area.setSelectionRange(from, to)
  if (!document.execCommand('insertText', false, text)) {
    area.setRangeText(text, from, to, 'end')
    area.dispatchEvent(new InputEvent('input', { bubbles: true }))
  }
}

/** Calls `work` when the text has not changed for a moment. */
export function useCalm(text: string, calmMs: number, work: () => void): void {
  useEffect(() => {
    const timer = setTimeout(work, calmMs)
    return () => clearTimeout(timer)
  }, [text])
}
