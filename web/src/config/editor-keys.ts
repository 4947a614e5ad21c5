/** What keys do in the editor, beside writing. */
import { useState } from 'preact/hooks'
import { type Completion, completionAt, type Schema } from './complete.ts'

const INDENT = '  '
/** So many fit below each other. */
const OPTIONS_SHOWN_MAX = 10

export interface Open extends Completion {
  readonly chosen: number
  /** Somebody asked for it, or went into it: Enter takes what is chosen. */
  readonly isAskedFor: boolean
}

/** What is offered at the caret, while it is. */
export function useOptions(area: { readonly current: HTMLTextAreaElement | null }, schema: Schema) {
  const [open, setOpen] = useState<Open | undefined>(undefined)
  const take = (at: number): void => {
    if (open === undefined) return
    insert(area.current!, open.from, area.current!.selectionStart, open.options[at].insert)
    setOpen(undefined)
  }
  return {
    open,
    take,
    close: (): void => setOpen(undefined),
    takesKey: (key: string): boolean => open !== undefined && takesKey(key, open, setOpen, take),
    /** While somebody writes, only once a word is begun. */
    look(isAskedFor: boolean): void {
      const { value, selectionStart: at } = area.current!
      const { from, options } = completionAt(value, at, schema)
      const isWanted = !area.current!.readOnly && options.length > 0 && (isAskedFor || from < at)
      setOpen(isWanted ? { from, options: options.slice(0, OPTIONS_SHOWN_MAX), chosen: 0, isAskedFor } : undefined)
    },
  }
}

/** True when the key was for the list. */
function takesKey(
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
export function breakLine(area: HTMLTextAreaElement): void {
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
