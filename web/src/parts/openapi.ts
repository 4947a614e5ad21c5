/** The OpenAPI document as the page reads it, and what can be made of it: operations, curl lines, examples. Pure. */

export interface Schema {
  readonly type?: string | readonly string[]
  readonly description?: string
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly format?: string
  readonly pattern?: string
  readonly default?: unknown
  readonly minimum?: number
  readonly maximum?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly minItems?: number
  readonly maxItems?: number
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: boolean | Schema
  readonly items?: Schema
  readonly anyOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
  readonly allOf?: readonly Schema[]
}

export interface Parameter {
  readonly name: string
  readonly in: string
  readonly required?: boolean
  readonly schema?: Schema
}

interface Content {
  readonly content?: Readonly<Record<string, { readonly schema?: Schema; readonly example?: unknown }>>
  readonly description?: string
}

interface DocumentOperation {
  readonly operationId?: string
  readonly summary?: string
  readonly description?: string
  readonly tags?: readonly string[]
  readonly parameters?: readonly Parameter[]
  readonly requestBody?: Content
  readonly responses?: Readonly<Record<string, Content>>
}

export interface OpenApi {
  readonly info: { readonly title: string; readonly version: string }
  readonly paths: Readonly<Record<string, Readonly<Record<string, DocumentOperation>>>>
}

export interface Operation {
  readonly id: string
  readonly method: string
  readonly path: string
  readonly summary: string
  readonly description: string
  readonly tag: string
  readonly parameters: readonly Parameter[]
  readonly body: Schema | undefined
  /** Of a body, where the document has one. */
  readonly example: unknown
  readonly responses: readonly { readonly status: string; readonly schema: Schema | undefined }[]
}

export function operationsOf({ paths }: OpenApi): Operation[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      id: operation.operationId ?? `${method} ${path}`,
      method: method.toUpperCase(),
      path,
      summary: operation.summary ?? '',
      description: operation.description ?? '',
      tag: operation.tags?.[0] ?? 'other',
      parameters: operation.parameters ?? [],
      body: schemaOf(operation.requestBody),
      example: Object.values(operation.requestBody?.content ?? {})[0]?.example,
      responses: Object.entries(operation.responses ?? {}).map(([status, content]) => ({
        status,
        schema: schemaOf(content),
      })),
    })),
  )
}

function schemaOf(content: Content | undefined): Schema | undefined {
  return Object.values(content?.content ?? {})[0]?.schema
}

/** `string, 1 to 200 characters`: what a value may be, without what is inside of it. */
export function kindOf(schema: Schema): string {
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(' | ')
  const choices = schema.anyOf ?? schema.oneOf
  if (choices !== undefined) return choices.map(kindOf).join(' | ')
  const type = [schema.type ?? (schema.properties === undefined ? 'anything' : 'object')].flat().join(' | ')
  if (type === 'array')
    return `array of ${schema.items === undefined ? 'anything' : kindOf(schema.items)}${boundsOf(schema)}`
  return `${type}${schema.format === undefined ? '' : ` (${schema.format})`}${boundsOf(schema)}`
}

function boundsOf({ minimum, maximum, minLength, maxLength, minItems, maxItems, pattern }: Schema): string {
  const range = (min: number | undefined, max: number | undefined, what: string): string => {
    // What JavaScript can hold is no bound of ours.
    const isBound = max !== undefined && max < Number.MAX_SAFE_INTEGER
    if (isBound) return `, ${(min ?? 0) > Number.MIN_SAFE_INTEGER ? (min ?? 0) : '…'} to ${max}${what}`
    return min === undefined || min <= Number.MIN_SAFE_INTEGER ? '' : `, ${min} or more${what}`
  }
  return (
    range(minimum, maximum, '') +
    range(minLength, maxLength, ' characters') +
    range(minItems, maxItems, ' items') +
    (pattern === undefined || pattern.length > 60 ? '' : `, /${pattern}/`)
  )
}

/** The schema whose properties are to be told: of an array that of its items. */
export function insideOf(schema: Schema): Schema | undefined {
  if (schema.properties !== undefined) return schema
  if (schema.items !== undefined) return insideOf(schema.items)
  if (typeof schema.additionalProperties === 'object') return insideOf(schema.additionalProperties)
  return undefined
}

/** The alternatives that a value has, where they are objects of their own. */
export function choicesOf(schema: Schema): readonly Schema[] {
  return (schema.anyOf ?? schema.oneOf ?? []).filter((one) => insideOf(one) !== undefined)
}

/** A value as the schema wants it, with what is required and nothing else. */
export function exampleOf(schema: Schema, depth = 0): unknown {
  if (schema.const !== undefined) return schema.const
  if (schema.enum !== undefined) return schema.enum[0]
  if (schema.default !== undefined) return schema.default
  const choice = (schema.anyOf ?? schema.oneOf)?.[0]
  if (choice !== undefined) return exampleOf(choice, depth)
  if (schema.properties !== undefined) {
    const required = schema.required ?? []
    // Where nothing is required by itself, one of several is: the first shows how.
    const names = required.length > 0 ? required : Object.keys(schema.properties).slice(0, depth === 0 ? 1 : 0)
    return Object.fromEntries(names.map((name) => [name, exampleOf(schema.properties![name] ?? {}, depth + 1)]))
  }
  const type = [schema.type].flat()[0]
  if (type === 'array') return schema.items === undefined ? [] : [exampleOf(schema.items, depth + 1)]
  if (type === 'integer' || type === 'number') return Math.max(0, schema.minimum ?? 0)
  return type === 'boolean' ? true : type === 'object' ? {} : type === 'null' ? null : '…'
}

/** A line for a shell; the token is in TIDEGATE_TOKEN. */
export function curlOf({ method, path, parameters, body, example }: Operation, origin: string): string {
  const query = parameters.filter((one) => one.in === 'query' && one.required).map(({ name }) => `${name}=…`)
  const address = `${origin}${path}${query.length === 0 ? '' : `?${query.join('&')}`}`
  const parts = ['curl -H "Authorization: Bearer $TIDEGATE_TOKEN"']
  if (method !== 'GET') parts.push(`-X ${method}`)
  if (body !== undefined)
    parts.push(`-H 'content-type: application/json' -d ${quoted(JSON.stringify(example ?? exampleOf(body)))}`)
  return [...parts, quoted(address)].join(' \\\n  ')
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`
}
