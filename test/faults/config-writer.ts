/** Replaces a file by another text, and is killed at it: `config-writer.ts FILE TEXT`. */
import { replaceFile } from '../../src/control/config-change/replace-file.ts'

const [path, text] = process.argv.slice(2)
await replaceFile(path, Buffer.from(text))
