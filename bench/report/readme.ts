/** Puts the latest tables between their marks of README.md, and all samples beside them into results/. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import type { MeasureResult } from '../measures/measure.ts'
import { BenchFailure } from '../run/failure.ts'
import type { Machine } from '../run/machine.ts'
import { reportJson, type Conditions } from './json.ts'
import { reportText } from './table.ts'

const README = new URL('../README.md', import.meta.url)
const RESULTS = new URL('../results/', import.meta.url)

/** A place in README.md, and what is written there when any of its measures ran. */
export interface ReadmeTable {
  readonly name: string
  readonly results: readonly MeasureResult[]
  readonly conditions: Conditions
}

export function writeIntoReadme({ name, results, conditions }: ReadmeTable, machine: Machine): void {
  mkdirSync(RESULTS, { recursive: true })
  const file = name === 'table' ? 'latest.json' : `latest-${name}.json`
  writeFileSync(new URL(file, RESULTS), reportJson(results, conditions, machine))
  writeFileSync(README, withTable(readFileSync(README, 'utf8'), name, reportText(results, conditions, machine)))
}

/** The text with another table between `<!-- latest NAME: begin -->` and its end. */
export function withTable(readme: string, name: string, text: string): string {
  const [beginMark, endMark] = [`<!-- latest ${name}: begin -->`, `<!-- latest ${name}: end -->`]
  const begin = readme.indexOf(beginMark)
  const end = readme.indexOf(endMark)
  if (begin < 0 || end < begin) throw new BenchFailure(`bench/README.md has lost its marks ${beginMark} and ${endMark}`)
  return `${readme.slice(0, begin + beginMark.length)}\n\n${text.trimEnd()}\n\n${readme.slice(end)}`
}
