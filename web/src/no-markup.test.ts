/** Names, comments, addresses and log text are chosen by attackers: the dashboard makes text nodes of them and nothing else. */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

const FOLDER = import.meta.dirname
/** Ways to make markup or code of text. */
const WAYS =
  /dangerouslySetInnerHTML|\b(?:inner|outer)HTML\b|insertAdjacentHTML|document\.write|createContextualFragment|DOMParser|srcdoc|\beval\b|new Function\b|javascript:/

test('nothing in the dashboard makes markup or code of text', () => {
  const files = globSync(['**/*.ts', '**/*.tsx'], { cwd: FOLDER }).filter((file) => !file.endsWith('.test.ts'))
  assert.ok(files.length > 10)
  const found = files.flatMap((file) => {
    const lines = readFileSync(join(FOLDER, file), 'utf8').split('\n')
    return lines.flatMap((line, i) => (WAYS.test(line) ? [`${file}:${i + 1}: ${line.trim()}`] : []))
  })
  assert.deepEqual(found, [])
})

test('a timer is given a function, never text', () => {
  const files = globSync(['**/*.ts', '**/*.tsx'], { cwd: FOLDER }).filter((file) => !file.endsWith('.test.ts'))
  for (const file of files) {
    assert.doesNotMatch(readFileSync(join(FOLDER, file), 'utf8'), /set(?:Timeout|Interval)\(\s*['"`]/, file)
  }
})
