/** `npm run build`: dist/ as `npm pack` ships it, the program in dist/lib and the dashboard in dist/web. */
import { build } from './package.mjs'

await build('.')
