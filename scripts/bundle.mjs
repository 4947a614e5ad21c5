/**
 * The program as few files of plain JavaScript: Node strips no types below node_modules, and to find and load some
 * five hundred files is a third of what a start costs. The packages it needs stay packages.
 */
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
/** What is started by its file's name: by bin/tidegate, and as threads (src/lib/thread-entry.ts). All end up side by side. */
const ENTRIES = ['src/cli/program.ts', 'src/control/store/store-thread.ts', 'src/traffic/worker.ts']

/** Into `folder`, which must be two below the folder of package.json. */
export async function bundle(folder) {
  const bundled = await rolldown({
    cwd: ROOT,
    input: ENTRIES,
    platform: 'node',
    external: (id) => !id.startsWith('.') && !id.startsWith('/') && !ENTRIES.includes(id),
    onLog: (level, { message }) => {
      if (level === 'warn') throw new Error(message)
    },
  })
  await bundled.write({ dir: resolve(ROOT, folder), entryFileNames: '[name].js', chunkFileNames: '[name]-[hash].js' })
  await bundled.close()
}
