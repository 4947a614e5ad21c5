/** YAML text into a ConfigSource. Syntax errors are all that the parser finds; nothing is guessed past them. */
import { LineCounter, parseDocument } from 'yaml'
import type { Document, YAMLError } from 'yaml'
import { ConfigSource } from './config-tree.ts'
import type { ConfigProblem, ConfigProblemCode } from './problem.ts'
import { TreeBuilder } from './tree-builder.ts'

export type ParsedYaml =
  | { readonly kind: 'tree'; readonly source: ConfigSource; readonly problems: readonly ConfigProblem[] }
  | { readonly kind: 'failed'; readonly problems: readonly ConfigProblem[] }

export function parseYaml(text: string, file: string, env: NodeJS.ProcessEnv): ParsedYaml {
  const lines = new LineCounter()
  // `uniqueKeys` off: it compares every key with every other; the tree builder finds duplicates by a map.
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: false })
  const lineOf = (offset: number): { line: number; col: number } => {
    const { line, col } = lines.linePos(offset)
    return { line: Math.max(line, 1), col: Math.max(col, 1) }
  }
  const problemAt = (code: ConfigProblemCode, offset: number, message: string): ConfigProblem => {
    const { line, col } = lineOf(offset)
    return { code, file, line, column: col, key: '', value: undefined, message }
  }
  const errors = [...document.errors, ...document.warnings]
  if (errors.length > 0) {
    const lineText = (offset: number): string => textOfLine(text, offset)
    return { kind: 'failed', problems: syntaxProblems(errors, lineText, problemAt) }
  }
  if (document.contents === null) return { kind: 'failed', problems: [emptyFile(file)] }
  const builder = new TreeBuilder(env, (code, offset, key, value, message) => {
    return { ...problemAt(code, offset, message), key, value }
  })
  const root = builder.build((document as Document.Parsed).contents)
  if (root.kind === 'scalar' && root.text === undefined) return { kind: 'failed', problems: [emptyFile(file)] }
  return { kind: 'tree', source: new ConfigSource(file, root, lineOf), problems: builder.problems }
}

function emptyFile(file: string): ConfigProblem {
  const message = 'is empty; a configuration needs at least `services:` with one service'
  return { code: 'E_CONFIG_EMPTY', file, line: 1, column: 1, key: '', value: undefined, message }
}

/** One broken bracket makes the parser complain at one place in several ways; the first says most. */
function syntaxProblems(
  errors: readonly YAMLError[],
  lineText: (offset: number) => string,
  problemAt: (code: ConfigProblemCode, offset: number, message: string) => ConfigProblem,
): ConfigProblem[] {
  const tooDeep = errors.find((error) => error.code === 'RESOURCE_EXHAUSTION')
  if (tooDeep !== undefined) return [problemAt('E_CONFIG_SYNTAX', 0, 'is nested too deeply to read')]
  const problems: ConfigProblem[] = []
  const seenOffsets = new Set<number>()
  for (const error of errors) {
    const offset = error.pos[0]
    if (seenOffsets.has(offset)) continue
    seenOffsets.add(offset)
    problems.push(problemAt('E_CONFIG_SYNTAX', offset, explainSyntax(error) + hintFor(lineText(offset))))
  }
  return problems
}

function explainSyntax(error: YAMLError): string {
  switch (error.code) {
    case 'TAB_AS_INDENT':
      return 'a tab indents this line; YAML takes spaces only'
    case 'MULTIPLE_DOCS':
      return 'a second document begins here; a configuration is one document, without a second `---`'
    case 'BLOCK_AS_IMPLICIT_KEY':
      return 'a second `key:` stands on this line; put it on a line of its own, or the value in quotes'
    case 'TAG_RESOLVE_FAILED':
      return `${uncapitalised(error.message)}; tags are not used here, take it out`
    case 'MISSING_CHAR':
      if (/closing.*quote/.test(error.message)) return 'a quote that was opened before is not closed'
      return uncapitalised(error.message)
    default:
      return uncapitalised(error.message)
  }
}

function uncapitalised(sentence: string): string {
  return sentence.charAt(0).toLowerCase() + sentence.slice(1).trimEnd()
}

/** The ways addresses and variables collide with YAML's own signs. */
function hintFor(line: string): string {
  if (/[[{,].*(?<!["'])\$\{/.test(line)) return '; inside [ ] and { } write "${NAME}" in quotes'
  if (/(?<!["'])\[[0-9a-fA-F:.]*:[0-9a-fA-F:.]*\]:/.test(line))
    return '; write addresses with brackets in quotes, such as "[::]:443"'
  return ''
}

function textOfLine(text: string, offset: number): string {
  const start = text.lastIndexOf('\n', Math.max(offset - 1, 0)) + 1
  const end = text.indexOf('\n', offset)
  return text.slice(start, end === -1 ? undefined : end).slice(0, 500)
}
