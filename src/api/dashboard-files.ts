/** The files of the dashboard, as they were built: read once, when first asked for, and kept, as text also compressed. */
import { readdir, readFile } from 'node:fs/promises'
import { extname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'

export interface DashboardFile {
  readonly contentType: string
  readonly bytes: Buffer
  /** Undefined where it would not be smaller. */
  readonly gzip: Buffer | undefined
  /** Its name has a hash of its content: it never changes. */
  readonly isForever: boolean
}

/** By the path in its address, `assets/index-abc.js`. */
export type DashboardFiles = ReadonlyMap<string, DashboardFile>

/** In an installed package, and in the repository. */
const FOLDERS = ['../web/', '../../web/dist/'].map((folder) => fileURLToPath(new URL(folder, import.meta.url)))

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
  '.woff2': 'font/woff2',
}

/** Empty where no dashboard was built. */
export async function readDashboard(folders: readonly string[] = FOLDERS): Promise<DashboardFiles> {
  for (const folder of folders) {
    const files = await filesIn(folder)
    if (files.has('index.html')) return files
  }
  return new Map()
}

async function filesIn(folder: string): Promise<DashboardFiles> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  const known = entries.filter((entry) => entry.isFile() && extname(entry.name) in CONTENT_TYPES)
  return new Map(
    await Promise.all(
      known.map(async ({ parentPath, name }): Promise<[string, DashboardFile]> => {
        const path = join(parentPath, name)
        return [relative(folder, path), makeFile(name, await readFile(path))]
      }),
    ),
  )
}

function makeFile(name: string, bytes: Buffer): DashboardFile {
  const compressed = gzipSync(bytes)
  return {
    contentType: CONTENT_TYPES[extname(name)],
    bytes,
    gzip: compressed.length < bytes.length ? compressed : undefined,
    isForever: /-[\w-]{8}\.\w+$/.test(name),
  }
}
