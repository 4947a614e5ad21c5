/** Holds the tree against the schema, and gives the parts that fit to the checks even when other parts do not. */
import type { ConfigNode, ConfigPath, ConfigSource } from './config-tree.ts'
import { plainValue } from './config-tree.ts'
import type { ConfigProblem } from './problem.ts'
import { brokenPaths, prune } from './prune.ts'
import { configSchema } from './schema.ts'
import type { ParsedConfig } from './schema.ts'
import { problemsOfIssue } from './schema-problems.ts'

export interface Validated {
  readonly problems: readonly ConfigProblem[]
  /** What is left when everything wrong is taken out; undefined when that is nothing. `source` has the same parts. */
  readonly rest: { readonly parsed: ParsedConfig; readonly source: ConfigSource } | undefined
}

/** A required value takes its parent with it: the deepest path of the schema has six steps. */
const PRUNE_ROUNDS_MAX = 8

export function validate(source: ConfigSource): Validated {
  const broken = brokenPaths(source.root)
  const first = configSchema.safeParse(plainValue(source.root))
  if (first.success && broken.length === 0) return { problems: [], rest: { parsed: first.data, source } }
  const issues = (first.error?.issues ?? []).filter(
    (issue) => !broken.some((path) => startsWith(issue.path as ConfigPath, path)),
  )
  const problems = issues.flatMap((issue) => problemsOfIssue(issue, source))
  return { problems, rest: fittingRest(source, [...broken, ...pathsOf(issues)]) }
}

type Issues = NonNullable<ReturnType<typeof configSchema.safeParse>['error']>['issues']

function fittingRest(source: ConfigSource, wrong: readonly ConfigPath[]): Validated['rest'] {
  let root: ConfigNode | undefined = source.root
  let paths = wrong
  for (let round = 0; round < PRUNE_ROUNDS_MAX; round++) {
    root = prune(root, paths)
    if (root === undefined) return undefined
    const result = configSchema.safeParse(plainValue(root))
    if (result.success) return { parsed: result.data, source: source.withRoot(root) }
    paths = pathsOf(result.error.issues)
  }
  return undefined
}

function pathsOf(issues: Issues): ConfigPath[] {
  return issues.flatMap((issue) => {
    const path = issue.path as ConfigPath
    return issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...path, key]) : [path]
  })
}

function startsWith(path: ConfigPath, start: ConfigPath): boolean {
  return start.every((step, i) => path[i] === step)
}
