/** The files of the checkout, without what is installed or built. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))

const LEFT_OUT = new Set(['.git', '.tidegate', 'dist', 'node_modules'])

export interface Entry {
  /** From the root, with `/`; folders end in `/`. */
  readonly path: string
  readonly isFolder: boolean
}

export function entriesBelow(folder = ''): Entry[] {
  const entries: Entry[] = []
  for (const entry of readdirSync(join(ROOT, folder), { withFileTypes: true })) {
    if (LEFT_OUT.has(entry.name) || entry.name.endsWith('.tgz')) continue
    const isFolder = entry.isDirectory()
    const path = folder + entry.name + (isFolder ? '/' : '')
    entries.push({ path, isFolder })
    if (isFolder) entries.push(...entriesBelow(path))
  }
  return entries
}

export function markdownFiles(): string[] {
  return entriesBelow()
    .map(({ path }) => path)
    .filter((path) => path.endsWith('.md'))
}

export function textOf(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8')
}
