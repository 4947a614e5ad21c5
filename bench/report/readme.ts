/** Puts the latest table between two marks of README.md. */
import { readFileSync, writeFileSync } from 'node:fs'
import { BenchFailure } from '../run/failure.ts'

const README = new URL('../README.md', import.meta.url)
const BEGIN = '<!-- latest table: begin -->'
const END = '<!-- latest table: end -->'

export function writeIntoReadme(text: string): void {
  const readme = readFileSync(README, 'utf8')
  const begin = readme.indexOf(BEGIN)
  const end = readme.indexOf(END)
  if (begin < 0 || end < begin) throw new BenchFailure(`bench/README.md has lost its marks ${BEGIN} and ${END}`)
  writeFileSync(README, `${readme.slice(0, begin + BEGIN.length)}\n\n${text}\n${readme.slice(end)}`)
}
