import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { CannotEdit, type ConfigEdit, type EditValue } from './config-edit.ts'
import { editText } from './edit-text.ts'

const UPSTREAMS = ['services', 0, 'upstreams'] as const
const TEXT = `# top
services:
  - name: web # c1
    upstreams:
      # primary
      - 192.0.2.1:80 # dc1

      # second
      - { address: "192.0.2.2:80", weight: 5 } # two
      - address: 192.0.2.3:80 # y
        # in
        weight: 3

    listen: ["*:443", '192.0.2.9:1'] # l
  # of services
# end
`

/** The lines that came and went. */
function changed(text: string, ...edits: ConfigEdit[]): string[] {
  const [before, after] = [text.split('\n'), editText(text, edits).split('\n')]
  const [gone, fresh] = [without(before, after), without(after, before)]
  return [...gone.map((line) => `-${line}`), ...fresh.map((line) => `+${line}`)]
}

function without(lines: readonly string[], others: readonly string[]): string[] {
  const left = [...others]
  return lines.filter((line) => {
    const at = left.indexOf(line)
    if (at !== -1) left.splice(at, 1)
    return at === -1
  })
}

const EXAMPLES: readonly (readonly [name: string, edit: ConfigEdit, lines: readonly string[]])[] = [
  [
    'the short form of an upstream becomes the long one, with its comment',
    { kind: 'set', path: [...UPSTREAMS, 0, 'weight'], value: 7 },
    ['-      - 192.0.2.1:80 # dc1', '+      - address: 192.0.2.1:80 # dc1', '+        weight: 7'],
  ],
  [
    'a value between braces is replaced there',
    { kind: 'set', path: [...UPSTREAMS, 1, 'weight'], value: 7 },
    ['-      - { address: "192.0.2.2:80", weight: 5 } # two', '+      - { address: "192.0.2.2:80", weight: 7 } # two'],
  ],
  [
    'quotes stay the kind they were',
    { kind: 'set', path: ['services', 0, 'listen', 1], value: '*:1' },
    [`-    listen: ["*:443", '192.0.2.9:1'] # l`, `+    listen: ["*:443", '*:1'] # l`],
  ],
  [
    'keys that are not there are made, behind the comments of what is',
    { kind: 'set', path: ['protect', 'overload', 'rule'], value: 'off' },
    ['+protect:', '+  overload:', '+    rule: off'],
  ],
  [
    'a new upstream stands behind the one before it',
    { kind: 'insert', path: UPSTREAMS, at: 1, value: { address: '[2001:db8::1]:80', weight: 0 } },
    ['+      - address: "[2001:db8::1]:80"', '+        weight: 0'],
  ],
  [
    'what is removed goes with its own lines, and no other',
    { kind: 'remove', path: [...UPSTREAMS, 2] },
    ['-      - address: 192.0.2.3:80 # y', '-        # in', '-        weight: 3'],
  ],
  ['another order moves lines and changes none', { kind: 'order', path: UPSTREAMS, order: [2, 0, 1] }, []],
]

for (const [name, edit, lines] of EXAMPLES) {
  test(name, () => assert.deepEqual(changed(TEXT, edit), lines))
}

test('with another order comments move with what they stand above, and blank lines stay', () => {
  assert.deepEqual(
    editText(TEXT, [{ kind: 'order', path: UPSTREAMS, order: [2, 0, 1] }])
      .split('\n')
      .slice(4, 12),
    [
      '      - address: 192.0.2.3:80 # y',
      '        # in',
      '        weight: 3',
      '',
      '      # primary',
      '      - 192.0.2.1:80 # dc1',
      '      # second',
      '      - { address: "192.0.2.2:80", weight: 5 } # two',
    ],
  )
})

test('a comment above the first alone is one on the whole list', () => {
  const text = 'services:\n  # in order\n  - a: 1\n  - a: 2\n'
  const wanted = 'services:\n  # in order\n  - a: 2\n  - a: 1\n'
  assert.equal(editText(text, [{ kind: 'order', path: ['services'], order: [1, 0] }]), wanted)
})

describe('a file that is JSON stays JSON', () => {
  const object = { services: [{ upstreams: ['192.0.2.1:80', { address: '192.0.2.2:80' }], listen: [] as string[] }] }
  const texts = [JSON.stringify(object), JSON.stringify(object, undefined, 2)]
  for (const text of texts) {
    test(`of ${text.split('\n').length} lines`, () => {
      const after = editText(text, [
        { kind: 'set', path: [...UPSTREAMS, 0, 'weight'], value: 7 },
        { kind: 'insert', path: UPSTREAMS, value: { address: 'db.example:80', backup: true } },
        { kind: 'remove', path: [...UPSTREAMS, 1] },
        { kind: 'insert', path: ['services', 0, 'listen'], value: '*:80' },
        { kind: 'set', path: ['log', 'level'], value: 'info' },
        { kind: 'order', path: UPSTREAMS, order: [1, 0] },
      ])
      assert.deepEqual(JSON.parse(after), {
        services: [
          {
            upstreams: [
              { address: 'db.example:80', backup: true },
              { address: '192.0.2.1:80', weight: 7 },
            ],
            listen: ['*:80'],
          },
        ],
        log: { level: 'info' },
      })
    })
  }
})

test('line breaks of Windows, a missing last one, and ${NAME} stay', () => {
  const text = 'services:\r\n  - name: ${NAME} # x\r\n    upstreams:\r\n      - ${HOST}:80'
  const edits: ConfigEdit[] = [
    { kind: 'set', path: [...UPSTREAMS, 0, 'weight'], value: 7 },
    { kind: 'insert', path: UPSTREAMS, value: '192.0.2.1:80' },
  ]
  const wanted =
    'services:\r\n  - name: ${NAME} # x\r\n    upstreams:\r\n      - address: ${HOST}:80\r\n        weight: 7\r\n      - 192.0.2.1:80'
  assert.equal(editText(text, edits), wanted)
})

const REFUSED: readonly (readonly [name: string, text: string, edit: ConfigEdit])[] = [
  ['what an anchor shares', 'a: &x\n  b: 1\nc: *x\n', { kind: 'set', path: ['a', 'b'], value: 2 }],
  ['what is inside an alias', 'a: &x\n  b: 1\nc: *x\n', { kind: 'set', path: ['c', 'b'], value: 2 }],
  ['what is not there', 'a: 1\n', { kind: 'remove', path: ['b'] }],
  ['text that is no YAML', 'a: [1\n', { kind: 'set', path: ['a'], value: 2 }],
  ['an order that forgets one', 'a: [1, 2]\n', { kind: 'order', path: ['a'], order: [0, 0] }],
]

for (const [name, text, edit] of REFUSED) {
  test(`${name} is refused`, () => assert.throws(() => editText(text, [edit]), CannotEdit))
}

test('many changes of a large file are refused: each parses it', () => {
  const text = `a: 1\n${'# filler\n'.repeat(100_000)}`
  const edits = Array.from({ length: 5 }, (): ConfigEdit => ({ kind: 'set', path: ['a'], value: 2 }))
  assert.throws(() => editText(text, edits), CannotEdit)
})

/** A file as people may write it; each comment is another one. */
interface Upstream {
  readonly form: 'short' | 'block' | 'flow'
  readonly isQuoted: boolean
  readonly hasWeight: boolean
  readonly above: boolean
  readonly beside: boolean
  readonly blank: boolean
}

const upstreams = fc.array(
  fc.record<Upstream>({
    form: fc.constantFrom('short', 'block', 'flow'),
    isQuoted: fc.boolean(),
    hasWeight: fc.boolean(),
    above: fc.boolean(),
    beside: fc.boolean(),
    blank: fc.boolean(),
  }),
  { minLength: 2, maxLength: 5 },
)

function textOf(list: readonly Upstream[], indent: number, newline: string): string {
  let comments = 0
  const comment = (): string => `# comment ${comments++};`
  const pad = ' '.repeat(indent)
  const lines = [comment(), 'services:', `  - name: web ${comment()}`, '    upstreams:']
  list.forEach(({ form, isQuoted, hasWeight, above, beside, blank }, i) => {
    const address = isQuoted ? `"192.0.2.${i}:80"` : `192.0.2.${i}:80`
    const end = beside ? ` ${comment()}` : ''
    if (blank) lines.push('')
    if (above) lines.push(`${pad}${comment()}`)
    if (form === 'short') lines.push(`${pad}- ${address}${end}`)
    else if (form === 'flow') lines.push(`${pad}- { address: ${address}${hasWeight ? ', weight: 5' : ''} }${end}`)
    else lines.push(`${pad}- address: ${address}${end}`, ...(hasWeight ? [`${pad}  weight: 5 ${comment()}`] : []))
  })
  lines.push(`    balance: round-robin ${comment()}`, '', comment(), `log: { level: info } ${comment()}`, '')
  return lines.join(newline)
}

const values = fc.oneof(
  fc.nat(1000),
  fc.constantFrom<EditValue>('off', 'a b', '*:1', '# no comment', "it's", '${X}', 'null', '- x', '{', 'a: b', ''),
  fc.constantFrom<EditValue>({ address: 'x:1', weight: 2 }, ['a', { b: ['c'] }], [], {}),
)
const edits = fc.oneof(
  fc.record({ kind: fc.constant('set' as const), at: fc.nat(9), key: fc.constantFrom('weight', 'new'), value: values }),
  fc.record({ kind: fc.constant('insert' as const), at: fc.nat(9), value: values }),
  fc.record({ kind: fc.constant('remove' as const), at: fc.nat(9) }),
  fc.record({ kind: fc.constant('order' as const), at: fc.nat(9) }),
  fc.record({ kind: fc.constant('deep' as const), at: fc.nat(9), value: values }),
)

test('random changes leave all but the changed place byte for byte', () => {
  fc.assert(
    fc.property(
      upstreams,
      edits,
      fc.constantFrom(4, 6, 8),
      fc.constantFrom('\n', '\r\n'),
      (list, made, indent, newline) => {
        const text = textOf(list, indent, newline)
        const at = made.at % list.length
        const edit = editOf(made, at, list.length)
        // That exactly the wanted values differ is checked inside.
        const after = editText(text, [edit])
        const gone = without(text.split(newline), after.split(newline))
        const comments = (of: string): string[] => [...of.matchAll(/# comment \d+;/g)].map(([one]) => one).sort()
        const ownLines = made.kind === 'remove' ? gone.join('\n') : ''
        assert.deepEqual(without(comments(text), comments(ownLines)), comments(after))
        // The line of the changed place, and the lines of what was removed.
        const most = made.kind === 'remove' ? 2 : made.kind === 'set' || made.kind === 'deep' ? 1 : 0
        assert.ok(gone.length <= most, `${gone.length} lines are gone:\n${gone.join('\n')}`)
        if (newline === '\r\n') assert.ok(!/(?<!\r)\n/.test(after))
      },
    ),
    { numRuns: 2_000 },
  )
})

function editOf(
  made: { kind: string; at: number; value?: EditValue; key?: string },
  at: number,
  count: number,
): ConfigEdit {
  const { value = 1, key = 'weight' } = made
  switch (made.kind) {
    case 'set':
      return { kind: 'set', path: [...UPSTREAMS, at, key], value }
    case 'insert':
      return { kind: 'insert', path: UPSTREAMS, at: made.at % (count + 1), value }
    case 'remove':
      return { kind: 'remove', path: [...UPSTREAMS, at] }
    case 'deep':
      return { kind: 'set', path: ['services', 0, 'protect', 'x', 'y'], value }
    default:
      return { kind: 'order', path: UPSTREAMS, order: Array.from({ length: count }, (_, i) => (i + at) % count) }
  }
}
