/** Every contract test runs on both engines; TIDEGATE_TEST_ENGINES=linux narrows it while working on one. */
import { describe } from 'node:test'

export type EngineName = 'linux' | 'node'

export const ENGINES: readonly EngineName[] = enginesFrom(process.env['TIDEGATE_TEST_ENGINES'])

function enginesFrom(text: string | undefined): EngineName[] {
  const all: EngineName[] = ['linux', 'node']
  if (text === undefined || text === '') return all
  const wanted = text.split(',')
  return all.filter((engine) => wanted.includes(engine))
}

export function forEachEngine(define: (engine: EngineName) => void): void {
  for (const engine of ENGINES) describe(`engine ${engine}`, () => define(engine))
}

/** For files that wait most of the time, and share nothing between engines (no firewall, no kernel setting). */
export function forBothEnginesAtOnce(define: (engine: EngineName) => void): void {
  describe('engines at once', { concurrency: true }, () => {
    // What is inside goes one after the other; without a word it would inherit.
    for (const engine of ENGINES) describe(`engine ${engine}`, { concurrency: 1 }, () => define(engine))
  })
}
