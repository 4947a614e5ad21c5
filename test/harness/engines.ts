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
