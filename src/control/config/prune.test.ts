import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ConfigNode, ConfigPath } from './config-tree.ts'
import { findNode, plainValue } from './config-tree.ts'
import { parseYaml } from './parse-yaml.ts'
import { prune } from './prune.ts'

function treeOf(yaml: string): ConfigNode {
  const parsed = parseYaml(yaml, 't', {})
  assert.ok(parsed.kind === 'tree')
  return parsed.source.root
}

const TREE = treeOf('a: { b: [p, q, { x: 1, y: 2 }, s], c: z }')

const CASES: readonly (readonly [shows: string, paths: readonly ConfigPath[], left: unknown])[] = [
  ['nothing is taken out', [], { a: { b: ['p', 'q', { x: '1', y: '2' }, 's'], c: 'z' } }],
  ['a key', [['a', 'b']], { a: { c: 'z' } }],
  ['list items, in any order', [['a', 'b', 0], ['a', 'b', 3], ['a', 'b', 1]], { a: { b: [{ x: '1', y: '2' }], c: 'z' } }],
  ['a key in a list item', [['a', 'b', 2, 'x']], { a: { b: ['p', 'q', { y: '2' }, 's'], c: 'z' } }],
  ['a missing key takes its mapping, and nothing beside it', [['a', 'b', 2, 'w'], ['a', 'b', 2, 'aa']], { a: { b: ['p', 'q', 's'], c: 'z' } }],
  ['a path into a value takes the value', [['a', 'b', 1, 'address']], { a: { b: ['p', { x: '1', y: '2' }, 's'], c: 'z' } }],
  ['a part and its whole', [['a', 'b', 2, 'x'], ['a', 'b', 2]], { a: { b: ['p', 'q', 's'], c: 'z' } }],
] // prettier-ignore

for (const [shows, paths, left] of CASES) {
  test(`prune: ${shows}`, () => {
    const pruned = prune(TREE, paths)
    assert.ok(pruned !== undefined)
    assert.deepEqual(plainValue(pruned), left)
  })
}

test('prune: all of it', () => {
  assert.equal(prune(TREE, [[]]), undefined)
  assert.equal(prune(TREE, [['nothing']]), undefined)
})

test('what is left is still called by its first place, also when pruned twice', () => {
  const once = prune(TREE, [['a', 'b', 0]])
  const twice = prune(once!, [['a', 'b', 0]])
  assert.equal(findNode(twice!, ['a', 'b', 0, 'x']).key, 'a.b[2].x')
  assert.equal(findNode(twice!, ['a', 'b', 1]).key, 'a.b[3]')
})

test('a required part of a service is replaced, so that the service stays', () => {
  const root = treeOf('services: [{ name: a, mode: x }, { listen: [b] }, c]')
  const pruned = prune(root, [['services', 0, 'mode'], ['services', 1, 'name'], ['services', 1, 'listen', 0], ['services', 2]]) // prettier-ignore
  assert.deepEqual(plainValue(pruned!), {
    services: [
      { name: 'a', mode: 'raw' },
      { listen: [], name: 'unnamed-1' },
    ],
  })
})
