/** docs/attacks.md says what the program does. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { ATTACK_KIND_NAMES, ENDED_AT_LEAST } from './attack-kinds.ts'
import { ATTACKS_MAX } from './attack-files.ts'
import { ATTACK_ENDS } from './attack.ts'
import { CALM_MINUTES } from './calm.ts'
import { NEW_CALM_AFTER_MS } from './detector.ts'
import { attackSchema } from '../config/attack-schema.ts'

const DOCS = readFileSync(new URL('../../../docs/attacks.md', import.meta.url), 'utf8')

test('docs/attacks.md has the kinds of attacks there are', () => {
  const kinds = [...DOCS.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, kind]) => kind)
  assert.deepEqual(kinds, ATTACK_KIND_NAMES)
})

test('docs/attacks.md has every way in which an attack ends', () => {
  assert.ok(DOCS.includes(`(${ATTACK_ENDS.map((end) => `\`${end}\``).join(', ')})`))
})

test('docs/attacks.md states the rule with its numbers', () => {
  const { factor, startAfter, endAfter, learnFor, floors } = attackSchema.parse({})
  for (const text of [
    `100 (\`floors.newConnections\`) and ${factor} × calm`,
    `${floors.sources} (\`floors.sources\`) and ${factor} × calm`,
    `${floors.unused}% (\`floors.unused\`)`,
    `with fewer than ${ENDED_AT_LEAST} that ended`,
    `in ${startAfter / 1000} seconds (\`startAfter\`) of the last ${(2 * startAfter) / 1000}`,
    `of the last ${endAfter / 1000} (\`endAfter\`)`,
    `for ${learnFor / 60_000} minutes (\`learnFor\`)`,
    `the median of the last ${CALM_MINUTES} such minutes`,
    `The newest ${ATTACKS_MAX} are kept`,
  ]) {
    assert.ok(DOCS.includes(text), text)
  }
  assert.equal(floors.newConnections.count, 100)
  assert.equal(NEW_CALM_AFTER_MS / 3_600_000, 6)
})
