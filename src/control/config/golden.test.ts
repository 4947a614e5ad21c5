/**
 * The language of configuration errors, as people see it: each golden/*.input.txt against its *.errors.txt.
 * `GOLDEN=write` writes the second from what comes out; read the difference before committing it.
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { parseConfig } from './load.ts'
import { ConfigError } from './problem.ts'

const FOLDER = new URL('golden/', import.meta.url)

const ENV = {
  PORT: '70000',
  EMPTY: '',
  INJECTION: '203.0.113.1:443\n    mode: proxy-v2 #',
  SECRET: `hunter2-${'0123456789'.repeat(20)}`,
  REFERENCE: '${SECRET}',
}

function errorsOf(text: string, file: string): string {
  try {
    parseConfig(text, file, ENV)
  } catch (error) {
    assert.ok(error instanceof ConfigError, String((error as Error).stack))
    return `${error.format()}\n`
  }
  return 'no error\n'
}

for (const input of readdirSync(FOLDER).filter((file) => file.endsWith('.input.txt'))) {
  const name = input.replace('.input.txt', '')
  test(`errors of golden ${name}`, () => {
    const errors = errorsOf(readFileSync(new URL(input, FOLDER), 'utf8'), 'tidegate.yaml')
    const expected = new URL(`${name}.errors.txt`, FOLDER)
    if (process.env.GOLDEN === 'write') writeFileSync(expected, errors)
    assert.equal(errors, readFileSync(expected, 'utf8'))
    assert.notEqual(errors, 'no error\n')
  })
}
