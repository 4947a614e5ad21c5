/** Docs can't lie: what they name exists. Each test lists all that is wrong, with file and line. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path/posix'
import { test } from 'node:test'
import type { Command } from 'commander'
import { makeProgram } from '../../src/cli/program.ts'
import { FINDING_IDS } from '../../src/control/doctor/finding.ts'
import { CLOSE_REASONS } from '../../src/traffic/close-reason.ts'
import { bannedName } from '../file-names.ts'
import { anchors, commandLines, relativeLinks, splitCode } from './markdown.ts'
import { entriesBelow, markdownFiles, ROOT, textOf } from './repository.ts'

function assertNone(problems: readonly string[]): void {
  assert.ok(problems.length === 0, `\n${problems.join('\n')}\n`)
}

test('every relative link in the docs leads to a file and a heading that exist', () => {
  const problems: string[] = []
  for (const file of markdownFiles()) {
    for (const { line, text } of relativeLinks(textOf(file))) {
      const [path, anchor] = decodeURI(text).split('#')
      const target = path === '' ? file : normalize(join(dirname(file), path))
      if (!existsSync(join(ROOT, target))) problems.push(`${file}:${line}: ${text}: there is no ${target}`)
      else if (anchor && target.endsWith('.md') && !anchors(textOf(target)).has(anchor)) {
        problems.push(`${file}:${line}: ${text}: ${target} has no heading #${anchor}`)
      }
    }
  }
  assertNone(problems)
})

test('every path in ARCHITECTURE.md, CONTRIBUTING.md and SECURITY.md exists', () => {
  const known = entriesBelow().map(({ path }) => `/${path}`)
  const exists = (path: string): boolean =>
    known.some((entry) => entry.endsWith(`/${path}`) || entry.endsWith(`/${path}/`))
  const problems: string[] = []
  for (const file of ['ARCHITECTURE.md', 'CONTRIBUTING.md', 'SECURITY.md']) {
    for (const { line, text } of splitCode(textOf(file)).code) {
      for (const path of pathsIn(text))
        if (!exists(path) && !OF_USERS.has(path)) problems.push(`${file}:${line}: there is no ${path}`)
    }
  }
  assertNone(problems)
})

/** Files that users of Tidegate have, and the repository does not. */
const OF_USERS = new Set(['tidegate.yaml'])

/** Words that look like a file or folder of ours: `relay/`, `src/main.ts`, `docs/x.md`; not `a/b`, URLs or patterns. */
function pathsIn(code: string): string[] {
  return [
    ...code.matchAll(/(?<![\w@:./*<{-])[\w.-]+(?:\/[\w.-]+)*(?:\/(?![\w*<{])|\.(?:ts|mjs|cjs|md|json|yaml)\b)/g),
  ].map(([path]) => path)
}

test('ARCHITECTURE.md names every folder of src', () => {
  const text = textOf('ARCHITECTURE.md')
  const named = (path: string): boolean => new RegExp(`(?<![\\w-])${path.split('/').at(-2) ?? ''}/`).test(text)
  assertNone(
    entriesBelow('src/')
      .filter(({ path, isFolder }) => isFolder && !path.includes('/golden/') && !named(path))
      .map(({ path }) => `ARCHITECTURE.md does not name ${path}`),
  )
})

test('ARCHITECTURE.md has at most 200 lines', () => {
  assert.ok(textOf('ARCHITECTURE.md').trimEnd().split('\n').length <= 200)
})

test('every `tidegate …` line in the docs is a command with options that it has', () => {
  const program = makeProgram()
  const problems: string[] = []
  for (const file of markdownFiles()) {
    for (const { line, words } of commandLines(textOf(file))) {
      const problem = problemOfCommand(program, words)
      if (problem) problems.push(`${file}:${line}: tidegate ${words.join(' ')}: ${problem}`)
    }
  }
  assertNone(problems)
})

const EVERYWHERE = new Set(['--help', '-h'])

function problemOfCommand(program: ReturnType<typeof makeProgram>, words: readonly string[]): string | undefined {
  const [name, ...rest] = words
  if (name === undefined || name === 'help') return undefined
  const command = name.startsWith('-') ? program : program.commands.find((known) => known.name() === name)
  // `tidegate run|check|…` names several at once.
  if (!command) return name.includes('|') ? undefined : `there is no command ${name}`
  const deepest = subcommandOf(command, rest)
  const flags = (name.startsWith('-') ? words : rest)
    .filter((word) => /^--?[a-zA-Z]/.test(word))
    .map((word) => word.split('=')[0])
  const unknown = flags.find(
    (flag) => !EVERYWHERE.has(flag) && !deepest.options.some((option) => [option.short, option.long].includes(flag)),
  )
  return unknown && `there is no option ${unknown}`
}

/** `tidegate bans add …` has the options of `add`. */
function subcommandOf(command: Command, [name, ...rest]: readonly string[]): Command {
  const known = command.commands.find((one) => one.name() === name)
  return known === undefined ? command : subcommandOf(known, rest)
}

test('docs/close-reasons.md says of every close reason what the code says', () => {
  const rows = Object.entries(CLOSE_REASONS).map(([reason, sentence]) => `| \`${reason}\` | ${sentence} |`)
  const written = textOf('docs/close-reasons.md')
    .split('\n')
    .filter((line) => /^\| `[a-z-]+` \|/.test(line))
  assert.deepEqual(written, rows)
})

test('docs/doctor.md has a row for every finding, in the order of the report', () => {
  const ids = [...textOf('docs/doctor.md').matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, id]) => id)
  assert.deepEqual(ids, [...FINDING_IDS])
})

test('no file is named for nothing', () => {
  assertNone(
    entriesBelow()
      .filter(({ path, isFolder }) => !isFolder && /\.(?:ts|mjs|cjs)$/.test(path) && bannedName(path))
      .map(({ path }) => `${path}: name it for what it holds`),
  )
})
