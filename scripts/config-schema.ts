/** Writes docs/tidegate.schema.json from the schema in the code; with --check only says whether it is up to date. */
import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { editorJsonSchema } from '../src/control/config/json-schema.ts'

const path = fileURLToPath(new URL('../docs/tidegate.schema.json', import.meta.url))
const wanted = editorJsonSchema()

if (!process.argv.includes('--check')) {
  await writeFile(path, `${JSON.stringify(wanted, null, 2)}\n`)
} else if (JSON.stringify(JSON.parse(await readFile(path, 'utf8'))) !== JSON.stringify(wanted)) {
  console.error('docs/tidegate.schema.json is not what the code says; run: node scripts/config-schema.ts')
  process.exitCode = 1
}
