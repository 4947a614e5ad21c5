import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { LOCAL_TOKEN_FILE, readLocalToken } from './local-token.ts'

const folder = mkdtempSync(join(tmpdir(), 'tidegate-token-'))
const path = (stateDir: string): string => join(stateDir, LOCAL_TOKEN_FILE)
const textIn = (stateDir: string): string => readFileSync(path(stateDir), 'utf8').trim()
after(() => rmSync(folder, { recursive: true }))

test('the token is made once, kept, and only its own text is right', async () => {
  const stateDir = join(folder, 'new', 'deeper')
  const { token } = await readLocalToken(stateDir)
  const text = textIn(stateDir)
  assert.match(text, /^tdg_local_[\w-]{43}$/)
  assert.equal(statSync(path(stateDir)).mode & 0o777, 0o600)
  assert.equal(token?.isGivenBy(text), true)
  assert.equal(token?.isGivenBy(`${text}x`), false)
  assert.equal(token?.isGivenBy(''), false)
  assert.equal((await readLocalToken(stateDir)).token?.isGivenBy(text), true)
})

test('a file that others could read is closed, and one that is no token is written anew', async () => {
  const { token } = await readLocalToken(folder)
  assert.ok(token)
  chmodSync(path(folder), 0o644)
  await readLocalToken(folder)
  assert.equal(statSync(path(folder)).mode & 0o777, 0o600)
  writeFileSync(path(folder), '')
  const again = await readLocalToken(folder)
  assert.equal(again.token?.isGivenBy(''), false)
  assert.equal(again.token?.isGivenBy(textIn(folder)), true)
})

test('where stateDir cannot be written the token is elsewhere, for us alone, and the reason is told', async () => {
  const { token, problem } = await readLocalToken(path(folder))
  assert.match(problem ?? '', /ENOTDIR|EEXIST/)
  assert.ok(token)
  assert.equal(statSync(dirname(token.file)).mode & 0o777, 0o700)
  assert.equal(token.isGivenBy(readFileSync(token.file, 'utf8').trim()), true)
})
