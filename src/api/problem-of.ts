/** From whatever was thrown to the problem that is answered. */
import type { FastifyRequest } from 'fastify'
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod'
import { AccessError } from '../control/access/access-error.ts'
import { isStoreRefusal, isStoreTrouble } from '../control/access/access-store.ts'
import { ApiProblem } from './problem.ts'

/** What fastify says of bodies and addresses that it cannot read. */
const OF_FASTIFY: Readonly<Record<string, (request: FastifyRequest) => ApiProblem>> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: () =>
    new ApiProblem('E_MEDIA_TYPE', 'The body is expected as content-type: application/json.'),
  FST_ERR_CTP_BODY_TOO_LARGE: ({ routeOptions }) =>
    new ApiProblem('E_BODY_TOO_LARGE', `The body may have ${routeOptions.bodyLimit} bytes.`),
  FST_ERR_CTP_EMPTY_JSON_BODY: () => new ApiProblem('E_REQUEST', 'The body is not JSON.'),
  FST_ERR_CTP_INVALID_JSON_BODY: () => new ApiProblem('E_REQUEST', 'The body is not JSON.'),
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: () =>
    new ApiProblem('E_REQUEST', 'The body is not as long as content-length says.'),
  FST_ERR_BAD_URL: () => new ApiProblem('E_REQUEST', 'The path is not percent-encoded as it should be.'),
}

export function asProblem(error: Error & { readonly code?: string }, request: FastifyRequest): ApiProblem {
  if (error instanceof ApiProblem) return error
  if (error instanceof AccessError)
    return new ApiProblem(error.code, error.message, { retryAfterMs: error.retryAfterMs })
  if (isStoreRefusal(error)) return new ApiProblem('E_CONFLICT', error.message)
  if (isStoreTrouble(error)) return new ApiProblem('E_STORE', error.message)
  if (hasZodFastifySchemaValidationErrors(error)) {
    const given = { body: request.body, querystring: request.query, params: request.params, headers: undefined }[
      error.validationContext ?? 'body'
    ]
    return new ApiProblem('E_REQUEST', error.validation.map((one) => sentenceOf(one, given)).join(' '))
  }
  const known = OF_FASTIFY[error.code ?? '']
  if (known !== undefined) return known(request)
  // The parser of bodies throws plain syntax errors.
  if (error instanceof SyntaxError) return new ApiProblem('E_REQUEST', 'The body is not JSON.')
  return new ApiProblem('E_INTERNAL', error.message)
}

/** A longer value is not repeated. */
const VALUE_CHARACTERS_MAX = 100

interface Invalid {
  readonly instancePath: string
  readonly message?: string | undefined
}

function sentenceOf({ instancePath, message }: Invalid, given: unknown): string {
  const keys = instancePath.split('/').filter((key) => key !== '')
  if (keys.length === 0) return `${message}.`
  const value = keys.reduce<unknown>((inside, key) => (inside as Record<string, unknown> | undefined)?.[key], given)
  const isShown = typeof value === 'number' || (typeof value === 'string' && value.length <= VALUE_CHARACTERS_MAX)
  return isShown ? `${keys.join('.')} is ${JSON.stringify(value)}; ${message}.` : `${keys.join('.')}: ${message}.`
}
