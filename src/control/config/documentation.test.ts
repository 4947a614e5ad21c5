/** docs/config.md, docs/tidegate.schema.json and examples/ say what the program does. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { z } from 'zod'
import { parse } from 'yaml'
import { configJsonSchema, editorJsonSchema } from './json-schema.ts'
import type { JsonSchema } from './json-schema.ts'
import { loadConfig, parseConfig } from './load.ts'
import { CONFIG_PROBLEMS, ConfigError } from './problem.ts'
import { checkConfigFile } from '../config-summary.ts'
import { UpstreamAddresses } from '../resolve/upstream-addresses.ts'

const ROOT = new URL('../../../', import.meta.url)
const DOCS = readFileSync(new URL('docs/config.md', ROOT), 'utf8')

/** Every key of the schema with its default, by the mapping it stands in. */
function keysOfSchema(schema: JsonSchema, at: string, found = new Map<string, Map<string, string>>()) {
  const inner = schema.anyOf?.find((form) => form.properties !== undefined) ?? schema
  if (inner.items !== undefined) return keysOfSchema(inner.items, `${at}[]`, found)
  if (inner.properties === undefined) return found
  const keys = new Map<string, string>()
  found.set(at, keys)
  for (const [key, child] of Object.entries(inner.properties)) {
    keys.set(key, inner.required?.includes(key) === true ? 'required' : defaultText(child.default))
    keysOfSchema(child, at === '' ? key : `${at}.${key}`, found)
  }
  return found
}

function defaultText(value: unknown): string {
  return typeof value === 'string' || typeof value === 'boolean' ? `\`${value}\`` : ''
}

/** The cells of a table's row whose first is code. */
function cellsOf(line: string): string[] {
  if (!line.startsWith('| `')) return []
  return line
    .slice(1, -1)
    .split(' | ')
    .map((cell) => cell.trim())
}

/** The same out of the tables: a heading names the mapping, each row a key. */
function keysOfDocs(): Map<string, Map<string, string>> {
  const found = new Map<string, Map<string, string>>()
  let keys = new Map<string, string>()
  for (const line of DOCS.split('\n')) {
    const heading = /^### (?:`(.*)`|Top of the file)$/.exec(line)
    if (heading !== null) found.set(heading[1] ?? '', (keys = new Map()))
    const [key, fallback] = cellsOf(line)
    if (key !== undefined && !key.startsWith('`E_'))
      keys.set(key.slice(1, -1), /^(required|`.*`)$/.test(fallback) ? fallback : '')
  }
  return found
}

test('docs/config.md has exactly the keys of the schema, with their defaults', () => {
  assert.deepEqual(keysOfDocs(), keysOfSchema(configJsonSchema(), ''))
})

test('docs/config.md has every error code with its meaning', () => {
  const rows = DOCS.split('\n').map(cellsOf)
  assert.deepEqual(
    rows.filter(([code]) => code?.startsWith('`E_')),
    Object.entries(CONFIG_PROBLEMS).map(([code, meaning]) => [`\`${code}\``, meaning]),
  )
})

test('every key has a description for editors', () => {
  const without: string[] = []
  const visit = (schema: JsonSchema, at: string): void => {
    const form = schema.anyOf?.find((candidate) => candidate.properties !== undefined) ?? schema
    if (form.items !== undefined) visit(form.items, at)
    for (const [key, child] of Object.entries(form.properties ?? {})) {
      if (child.description === undefined) without.push(`${at}.${key}`)
      visit(child, `${at}.${key}`)
    }
  }
  visit(configJsonSchema(), '')
  assert.deepEqual(without, [])
})

test('docs/tidegate.schema.json is what scripts/config-schema.ts writes', () => {
  assert.deepEqual(JSON.parse(readFileSync(new URL('docs/tidegate.schema.json', ROOT), 'utf8')), editorJsonSchema())
})

const EXAMPLES = readdirSync(new URL('examples/', ROOT)).filter((file) => file.endsWith('.yaml'))

test('there are examples for the cases that people come with', () => {
  for (const name of ['minimal', 'trading', 'mail', 'game', 'dual-stack', 'shielded'])
    assert.ok(EXAMPLES.includes(`${name}.yaml`), name)
})

for (const example of EXAMPLES) {
  const url = new URL(`examples/${example}`, ROOT)

  test(`examples/${example} is read without a complaint`, async () => {
    // All upstreams are documentation addresses, so nothing is looked up.
    assert.equal((await UpstreamAddresses.resolve(await loadConfig(url.pathname, {}))).current.size, 0)
    // What `tidegate check` says, lists in files included.
    assert.deepEqual((await checkConfigFile(url.pathname, {})).warnings, [])
  })

  test(`examples/${example} fits the schema for editors, and names it`, () => {
    const text = readFileSync(url, 'utf8')
    assert.match(text, /^# yaml-language-server: \$schema=\.\.\/docs\/tidegate\.schema\.json\n/)
    const schema = z.fromJSONSchema(editorJsonSchema() as Parameters<typeof z.fromJSONSchema>[0])
    assert.deepEqual(schema.safeParse(parse(text, { merge: true })).error?.issues, undefined)
  })
}

const PAGES = ['README.md', ...readdirSync(new URL('docs/', ROOT), { recursive: true }).map((path) => `docs/${path}`)]

test('every YAML block of the docs that is a whole file is read without a complaint', () => {
  const blocks = PAGES.filter((page) => page.endsWith('.md')).flatMap((page) => {
    const text = readFileSync(new URL(page, ROOT), 'utf8')
    return [...text.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, yaml]) => ({ page, yaml }))
  })
  const whole = blocks.filter(({ yaml }) => yaml.includes('services:'))
  assert.ok(whole.some(({ page }) => page === 'docs/bans.md'))
  assert.deepEqual(
    whole.flatMap(({ page, yaml }) => complaintsAbout(yaml, page)),
    [],
  )
})

/** But that a file of the reader's own is not here. */
function complaintsAbout(yaml: string, page: string): string[] {
  try {
    parseConfig(yaml, page, {})
    return []
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const problems = error.problems.filter(({ message }) => !message.includes('there is no such file'))
    return problems.map(({ line, key, message }) => `${page}: line ${line} of a block: ${key} ${message}`)
  }
}
