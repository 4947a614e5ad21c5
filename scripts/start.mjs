/** `npm start`: what tidegate.yaml says where there is one, the demo elsewhere. */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)
const tidegate = require.resolve('../bin/tidegate')
process.argv = [process.argv[0], tidegate, existsSync('tidegate.yaml') ? 'run' : 'demo', ...process.argv.slice(2)]
require(tidegate)
