/** The schema as JSON Schema (draft 2020-12), for editors and for finding which keys a mapping knows. */
import { z } from 'zod'
import { configSchema } from './schema.ts'
import type { ConfigPath } from './config-tree.ts'

/** The part of JSON Schema that the configuration uses. */
export interface JsonSchema {
  readonly type?: string | readonly string[]
  readonly description?: string
  readonly default?: unknown
  readonly pattern?: string
  readonly enum?: readonly string[]
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
  readonly items?: JsonSchema
  readonly anyOf?: readonly JsonSchema[]
  readonly [keyword: string]: unknown
}

let cached: JsonSchema | undefined

export function configJsonSchema(): JsonSchema {
  cached ??= {
    ...(z.toJSONSchema(configSchema, {
      io: 'input',
      override: ({ jsonSchema }) => offerShortForm(jsonSchema),
    }) as JsonSchema),
    title: 'tidegate.yaml',
  }
  return cached
}

/** A mapping with a `shortForm` may be written as that text instead. */
function offerShortForm(schema: Record<string, unknown>): void {
  if (schema.shortForm === undefined) return
  const { shortForm, description, default: fallback, ...long } = schema
  for (const keyword of Object.keys(schema)) delete schema[keyword]
  if (description !== undefined) schema.description = description
  if (fallback !== undefined) schema.default = fallback
  // A mapping that may be absent is itself a choice, of which the other half is nothing that anybody writes.
  const forms = (long.anyOf ?? []) as JsonSchema[]
  schema.anyOf = [shortForm, asMapping(forms[0]) ?? long]
}

/** The schema of the value at a path; undefined where the path leaves the schema. */
export function jsonSchemaAt(path: ConfigPath): JsonSchema | undefined {
  return asMapping(wholeSchemaAt(path))
}

/** The words that may be written instead of the mapping at a path. */
export function shortWordsAt(path: ConfigPath): readonly string[] {
  return wholeSchemaAt(path)?.anyOf?.flatMap((form) => form.enum ?? []) ?? []
}

function wholeSchemaAt(path: ConfigPath): JsonSchema | undefined {
  let schema: JsonSchema | undefined = configJsonSchema()
  for (const step of path) {
    const owner = asMapping(schema)
    schema = typeof step === 'number' ? owner?.items : owner?.properties?.[step]
    if (schema === undefined) return undefined
  }
  return schema
}

function asMapping(schema: JsonSchema | undefined): JsonSchema | undefined {
  return schema?.anyOf?.find((form) => form.properties !== undefined) ?? schema
}

/** The keys of the mapping at a path. */
export function knownKeysAt(path: ConfigPath): readonly string[] {
  return Object.keys(jsonSchemaAt(path)?.properties ?? {})
}

/** For editors: the same, but a `${NAME}` may stand in for every single value. */
export function editorJsonSchema(): JsonSchema {
  return withReferences(configJsonSchema())
}

const REFERENCE_PATTERN = '\\$\\{'

function withReferences(schema: JsonSchema): JsonSchema {
  if (schema.properties !== undefined) {
    const properties = Object.entries(schema.properties).map(([key, inner]) => [key, withReferences(inner)])
    return { ...schema, properties: Object.fromEntries(properties) as Record<string, JsonSchema> }
  }
  if (schema.items !== undefined) return { ...schema, items: withReferences(schema.items) }
  if (schema.anyOf !== undefined) return { ...schema, anyOf: schema.anyOf.map(withReferences) }
  if (schema.pattern !== undefined) return { ...schema, pattern: `${schema.pattern}|${REFERENCE_PATTERN}` }
  if (schema.enum === undefined && schema.type !== 'boolean') return schema
  const { enum: words, type, ...rest } = schema
  const values = words === undefined ? { type } : { enum: words }
  return { ...rest, anyOf: [values as JsonSchema, { type: 'string', pattern: REFERENCE_PATTERN }] }
}
