/** Where in the editor a line and a column are, and what is beside it. */
import { useEffect, useLayoutEffect, useState } from 'preact/hooks'
import type { ConfigChangeAnswer } from '../../../src/api/contract.ts'

export type ConfigProblem = Extract<ConfigChangeAnswer, { kind: 'wrong-config' }>['problems'][number]

interface Cell {
  readonly width: number
  readonly height: number
  /** Of the first character. */
  readonly padding: number
}

/** With how far the text is scrolled. */
export interface View extends Cell {
  readonly top: number
  readonly left: number
}

/** All characters are as wide as this one. */
export function useCell(area: { readonly current: HTMLTextAreaElement | null }): Cell {
  const [cell, setCell] = useState<Cell>({ width: 8, height: 20, padding: 8 })
  useLayoutEffect(() => {
    const style = getComputedStyle(area.current!)
    const context = document.createElement('canvas').getContext('2d')!
    context.font = `${style.fontSize} ${style.fontFamily}`
    setCell({
      width: context.measureText('0').width,
      height: Number.parseFloat(style.lineHeight),
      padding: Number.parseFloat(style.paddingLeft),
    })
  }, [])
  return cell
}

/** Of a line from 1, within the padding. */
export function lineTop(line: number, { height, top }: View): string {
  return `${(line - 1) * height - top}px`
}

/** Of a column from 1. */
export function columnLeft(column: number, { width, padding, left }: View): string {
  return `${padding + (column - 1) * width - left}px`
}

/** Right below a character. */
export function below(text: string, at: number, view: View): { top: string; left: string } {
  const line = lineCountOf(text.slice(0, at))
  const column = at - text.lastIndexOf('\n', at - 1)
  return { top: `calc(${lineTop(line + 1, view)} + ${view.padding}px)`, left: columnLeft(column, view) }
}

export function lineCountOf(text: string): number {
  let count = 1
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) count++
  return count
}

/** Calls `work` when the text has not changed for a moment. */
export function useCalm(text: string, calmMs: number, work: () => void): void {
  useEffect(() => {
    const timer = setTimeout(work, calmMs)
    return () => clearTimeout(timer)
  }, [text])
}
