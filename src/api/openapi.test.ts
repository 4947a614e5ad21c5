import { Validator } from '@seriousme/openapi-schema-validator'
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { AdminForTest } from '../../test/harness/admin-for-test.ts'
import { OPENAPI_PATH } from './contract.ts'

interface Operation {
  readonly operationId?: string
  readonly summary?: string
  readonly responses?: Readonly<Record<string, unknown>>
}

interface OpenApi extends Readonly<Record<string, unknown>> {
  readonly openapi: string
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
}

describe('the OpenAPI document', () => {
  let admin: AdminForTest
  let document: OpenApi
  before(async () => {
    admin = await AdminForTest.start()
    const answer = await admin.get(OPENAPI_PATH, { token: 'none' })
    assert.equal(answer.status, 200, answer.text)
    document = answer.body as OpenApi
  })
  after(() => admin.close())

  test('is one by the schema of the OpenAPI Initiative', async () => {
    const { valid, errors } = await new Validator().validate(structuredClone(document))
    assert.ok(valid, JSON.stringify(errors, undefined, 2))
    // The judge judges: without its title a document is none.
    const { valid: isTaken } = await new Validator().validate({ ...structuredClone(document), info: { version: '1' } })
    assert.equal(isTaken, false)
  })

  test('is of version 3.1 and has the paths with their parameters', () => {
    assert.equal(document.openapi, '3.1.0')
    assert.ok('/api/v1/services/{service}/upstreams/{upstream}' in document.paths)
    assert.ok('/api/v1/bans' in document.paths)
  })

  test('every operation has a name of its own, a sentence, and its answers', () => {
    const operations = Object.values(document.paths).flatMap((path) => Object.values(path))
    const names = operations.map(({ operationId }) => operationId)
    assert.deepEqual(
      names.filter((name, i) => name === undefined || names.indexOf(name) !== i),
      [],
    )
    for (const { operationId, summary, responses } of operations) {
      assert.match(summary ?? '', /^[A-Z].*\.$/, operationId)
      assert.ok(Object.keys(responses ?? {}).length > 0, operationId)
    }
  })
})
