/** Turns what the schema complains about into problems at their place in the file, in our words. */
import type { z } from 'zod'
import { listWords } from '../../lib/list-words.ts'
import { findNode } from './config-tree.ts'
import type { ConfigPath, ConfigSource } from './config-tree.ts'
import { jsonSchemaAt, knownKeysAt, shortWordsAt } from './json-schema.ts'
import { hintForKey } from './key-hint.ts'
import { LATER_KEYS } from './later-words.ts'
import type { ConfigProblem, ConfigProblemCode } from './problem.ts'

type Issue = z.core.$ZodIssue

export function problemsOfIssue(issue: Issue, source: ConfigSource): ConfigProblem[] {
  const path = issue.path as ConfigPath
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => unknownKey(source, path, key))
    case 'invalid_type':
      return [wrongKind(source, path)]
    case 'too_small':
      return [source.problem('E_CONFIG_MISSING', path, `is empty; expected at least one ${singular(path)}`)]
    case 'too_big':
      return [source.problem('E_CONFIG_TOO_MANY', path, `has too many entries; at most ${issue.maximum} are taken`)]
    case 'custom':
      return [source.problem(codeOf(issue), path, withExpectation(issue.message, path))]
    default:
      return [source.problem('E_CONFIG_VALUE', path, issue.message)]
  }
}

function codeOf(issue: Issue): ConfigProblemCode {
  return (issue as { params?: { code?: ConfigProblemCode } }).params?.code ?? 'E_CONFIG_VALUE'
}

function unknownKey(source: ConfigSource, path: ConfigPath, key: string): ConfigProblem {
  const place = source.placeOfKey(path, key)
  const group = path
    .map((step) => (typeof step === 'number' ? '[]' : step))
    .join('.')
    .replaceAll('.[]', '[]')
  if (LATER_KEYS[group]?.includes(key)) {
    const message = 'is not part of this version; take the key out'
    return { code: 'E_CONFIG_NOT_IN_THIS_VERSION', ...place, value: undefined, message }
  }
  const message = `is not a key here${hintForKey(path, key)}`
  return { code: 'E_CONFIG_UNKNOWN_KEY', ...place, value: undefined, message }
}

/** A mapping, a list and a value are mixed up, or a required list or mapping is not there at all. */
function wrongKind(source: ConfigSource, path: ConfigPath): ConfigProblem {
  const { node, missing } = findNode(source.root, path)
  const expected = expectationAt(path)
  if (missing) return source.problem('E_CONFIG_MISSING', path, `is missing; expected ${expected}`)
  if (node.kind === 'scalar' && node.text === undefined) {
    return source.problem('E_CONFIG_MISSING', path, `has no value; expected ${expected}`)
  }
  const is = node.kind === 'scalar' ? 'is a single value' : `is a ${node.kind === 'list' ? 'list' : 'mapping'}`
  return source.problem('E_CONFIG_TYPE', path, `${is}; expected ${expected}`)
}

function expectationAt(path: ConfigPath): string {
  const schema = jsonSchemaAt(path)
  if (schema?.type === 'array') return `a list${path.at(-1) === 'listen' ? ', such as [ "0.0.0.0:443" ]' : ''}`
  if (path.length === 0) return 'a mapping that begins with a key, such as `services:`'
  const keys = `a mapping with ${listWords(knownKeysAt(path))}`
  const words = shortWordsAt(path)
  return words.length === 0 ? keys : `${listWords(words)}, or ${keys}`
}

/** A missing value says what it should be, in the words of its description. */
function withExpectation(message: string, path: ConfigPath): string {
  if (message !== 'is missing' && message !== 'has no value') return message
  const schema = jsonSchemaAt(path)
  const fallback = schema?.default
  if (fallback !== undefined) {
    const shown = typeof fallback === 'string' ? fallback : JSON.stringify(fallback)
    return `${message}; give it one, or take the key out for the default, ${shown}`
  }
  if (schema?.enum !== undefined) return `${message}; expected ${listWords(schema.enum)}`
  return schema?.description === undefined
    ? message
    : `${message}: ${lowerFirst(schema.description.replace(/\.$/, ''))}`
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1)
}

function singular(path: ConfigPath): string {
  return { services: 'service', upstreams: 'upstream', listen: 'address' }[String(path.at(-1))] ?? 'entry'
}
