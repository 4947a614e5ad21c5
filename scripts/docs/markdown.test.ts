import assert from 'node:assert/strict'
import { test } from 'node:test'
import { anchors, commandLines, relativeLinks } from './markdown.ts'

test('relative links are found outside of code, and links to other sites are left out', () => {
  const text =
    'See [a](docs/a.md#b), ![p](pic.svg) and [web](https://example.com).\n`[no](x.md)`\n```\n[no](y.md)\n```\n'
  assert.deepEqual(relativeLinks(text), [
    { line: 1, text: 'docs/a.md#b' },
    { line: 1, text: 'pic.svg' },
  ])
})

test('anchors are those that GitHub gives to headings', () => {
  const text = '# Tide gate\n## `idleTimeout`: how long?\n```\n# not a heading\n```\n### A — b_c\n'
  assert.deepEqual([...anchors(text)], ['tide-gate', 'idletimeout-how-long', 'a--b_c'])
})

test('command lines are found in blocks and inline, up to a pipe or comment', () => {
  const text =
    'Run `tidegate check -c a.yaml` now, `tidegate.yaml` is no command.\n```sh\n$ sudo bin/tidegate run # go\nnpx tidegate status --json | jq .\nTIDEGATE_NODE=/x tidegate\n```\n'
  assert.deepEqual(commandLines(text), [
    { line: 1, words: ['check', '-c', 'a.yaml'] },
    { line: 3, words: ['run'] },
    { line: 4, words: ['status', '--json'] },
    { line: 5, words: [] },
  ])
})
