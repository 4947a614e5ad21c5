/** What to do about a key that does not exist where it stands. */
import { didYouMean } from '../../lib/did-you-mean.ts'
import { listWords } from '../../lib/list-words.ts'
import type { ConfigPath } from './config-tree.ts'
import { configJsonSchema, knownKeysAt } from './json-schema.ts'
import type { JsonSchema } from './json-schema.ts'

/** The end of a sentence that says that `key` is not a key at `path`. */
export function hintForKey(path: ConfigPath, key: string): string {
  if (key === '<<') return '; merging needs an alias of a mapping, such as `<<: *first`'
  const known = knownKeysAt(path)
  const near = didYouMean(key, known)
  if (near !== undefined) return `, did you mean ${near}?`
  const homes = mappingsWith(key, configJsonSchema(), '')
  if (homes.length > 0) return `; it belongs in ${listWords(homes)}`
  return `; expected ${listWords(known)}`
}

/** Where the key is at home, as `services[].socket`. */
function mappingsWith(key: string, schema: JsonSchema, at: string): string[] {
  if (schema.items !== undefined) return mappingsWith(key, schema.items, `${at}[]`)
  if (schema.anyOf !== undefined) return schema.anyOf.flatMap((form) => mappingsWith(key, form, at))
  const properties = Object.entries(schema.properties ?? {})
  const here = properties.some(([name]) => name === key) ? [at === '' ? 'the top of the file' : at] : []
  return [
    ...here,
    ...properties.flatMap(([name, inner]) => mappingsWith(key, inner, at === '' ? name : `${at}.${name}`)),
  ]
}
