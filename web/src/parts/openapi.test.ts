import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { choicesOf, curlOf, exampleOf, insideOf, kindOf, type OpenApi, operationsOf } from './openapi.ts'

const DOCUMENT: OpenApi = {
  info: { title: 'Tidegate', version: '1' },
  paths: {
    '/api/v1/things/{name}': {
      post: {
        operationId: 'addThing',
        summary: 'Adds it.',
        tags: ['things'],
        parameters: [
          { name: 'name', in: 'path', required: true, schema: { type: 'string' } },
          { name: 'page', in: 'query', required: true, schema: { type: 'string' } },
          { name: 'limit', in: 'query', schema: { type: 'string' } },
        ],
        requestBody: {
          content: {
            'application/json': {
              schema: {
                type: 'object',
                required: ['names', 'ttlMs'],
                properties: {
                  names: { type: 'array', items: { type: 'string' }, minItems: 1, maxItems: 10 },
                  ttlMs: { type: 'integer', minimum: 1000, maximum: Number.MAX_SAFE_INTEGER },
                  comment: { type: 'string', maxLength: 200 },
                },
              },
            },
          },
        },
        responses: { 200: { content: { 'application/json': { schema: { type: 'boolean' } } } }, 204: {} },
      },
    },
  },
}

describe('the page about the API', () => {
  const [operation] = operationsOf(DOCUMENT)

  test('an operation has all that the document says of it', () => {
    const { id, method, tag, parameters, responses } = operation
    assert.deepEqual([id, method, tag, parameters.length], ['addThing', 'POST', 'things', 3])
    assert.deepEqual(responses, [
      { status: '200', schema: { type: 'boolean' } },
      { status: '204', schema: undefined },
    ])
  })

  test('the line for the shell has what is required, and quotes hold', () => {
    assert.equal(
      curlOf(operation, 'http://127.0.0.1:9900'),
      [
        'curl -H "Authorization: Bearer $TIDEGATE_TOKEN"',
        '-X POST',
        `-H 'content-type: application/json' -d '{"names":["…"],"ttlMs":1000}'`,
        `'http://127.0.0.1:9900/api/v1/things/{name}?page=…'`,
      ].join(' \\\n  '),
    )
    const example = { name: "it's" }
    assert.match(curlOf({ ...operation, example }, ''), /-d '\{"name":"it'\\''s"\}'/)
  })

  test('values are told with their bounds', () => {
    const { names, ttlMs, comment } = operation.body?.properties ?? {}
    assert.equal(kindOf(names), 'array of string, 1 to 10 items')
    assert.equal(kindOf(ttlMs), 'integer, 1000 or more')
    assert.equal(kindOf(comment), 'string, 0 to 200 characters')
    assert.equal(kindOf({ enum: ['up', 'down'] }), '"up" | "down"')
    assert.equal(
      kindOf({ anyOf: [{ type: 'string', format: 'date-time' }, { type: 'null' }] }),
      'string (date-time) | null',
    )
    assert.equal(kindOf({}), 'anything')
  })

  test('what is inside is found in lists, records and alternatives', () => {
    const inner = { properties: { a: { type: 'string' } } }
    assert.equal(insideOf({ type: 'array', items: inner }), inner)
    assert.equal(insideOf({ type: 'object', additionalProperties: inner }), inner)
    assert.equal(insideOf({ type: 'string' }), undefined)
    assert.deepEqual(choicesOf({ anyOf: [inner, { type: 'null' }] }), [inner])
  })

  test('an example is of the schema', () => {
    assert.deepEqual(exampleOf({ properties: { a: { type: 'string' }, b: { type: 'number' } } }), { a: '…' })
    assert.deepEqual(exampleOf({ anyOf: [{ type: 'boolean' }, { type: 'null' }] }), true)
    assert.deepEqual(exampleOf({ type: 'array' }), [])
  })
})
