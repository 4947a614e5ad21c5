/** What stands around the text of the editor. */
import { useMemo } from 'preact/hooks'
import type { Open } from './editor-keys.ts'
import { below, columnLeft, type ConfigProblem, lineTop, type View } from './editor-view.ts'

export const TEXT_ID = 'config-text'
export const OPTIONS_ID = 'config-options'

export function optionId(at: number): string {
  return `config-option-${at}`
}

interface MarkProps {
  readonly problems: readonly ConfigProblem[]
  readonly view: View
}

/** One text, however many lines there are. */
export function Gutter({ lineCount, problems, view }: MarkProps & { readonly lineCount: number }) {
  const numbers = useMemo(() => Array.from({ length: lineCount }, (_, i) => i + 1).join('\n'), [lineCount])
  return (
    <div class="gutter" aria-hidden="true">
      <div class="numbers" style={{ transform: `translateY(${-view.top}px)` }}>
        {numbers}
      </div>
      {problems.map(({ line }, i) => (
        <div key={i} class="wrong" style={{ transform: `translateY(${lineTop(line, view)})` }}>
          {line}
        </div>
      ))}
    </div>
  )
}

export function Marks({ problems, view }: MarkProps) {
  return (
    <div class="marks" aria-hidden="true">
      {problems.map(({ line, column }, i) => (
        <div key={i} style={{ transform: `translateY(${lineTop(line, view)})`, height: `${view.height}px` }}>
          <i style={{ left: columnLeft(column, view) }} />
        </div>
      ))}
    </div>
  )
}

interface OptionsProps {
  readonly open: Open
  readonly text: string
  readonly view: View
  readonly onTake: (at: number) => void
}

export function Options({ open, text, view, onTake }: OptionsProps) {
  return (
    <ul
      id={OPTIONS_ID}
      class="options"
      role="listbox"
      aria-label="What may stand here"
      style={below(text, open.from, view)}
    >
      {open.options.map(({ label, description }, i) => (
        <li
          key={label}
          id={optionId(i)}
          role="option"
          aria-selected={i === open.chosen}
          // The text area keeps the focus.
          onMouseDown={(event) => {
            event.preventDefault()
            onTake(i)
          }}
        >
          <code>{label}</code> <span class="quiet">{description}</span>
        </li>
      ))}
    </ul>
  )
}

export function Meaning({ of }: { readonly of: { readonly path: string; readonly description: string } | undefined }) {
  return (
    <p id="config-meaning" class="meaning quiet">
      {of === undefined ? (
        'Ctrl+Space: what may stand here. Ctrl+S: review the change.'
      ) : (
        <>
          <code>{of.path}</code> {of.description}
        </>
      )}
    </p>
  )
}

/** Puts the caret where it is wrong. */
export function goToPlace(line: number, column: number): void {
  const area = document.getElementById(TEXT_ID) as HTMLTextAreaElement
  const lines = area.value.split('\n')
  const start = lines.slice(0, line - 1).reduce((sum, { length }) => sum + length + 1, 0)
  const at = start + Math.min(column - 1, lines[line - 1]?.length ?? 0)
  area.focus()
  area.setSelectionRange(at, at)
  area.scrollTop = Math.max(0, (area.scrollHeight * (line - 5)) / lines.length)
}
