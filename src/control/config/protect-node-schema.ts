/** `protect` at the top of the file: what is the node's and not one service's. */
import { z } from 'zod'
import { SOURCE_MEMORY_BYTES_MIN } from '../../traffic/admit/source-table.ts'
import { size } from './leaf.ts'

/** Places for 40 million sources. */
const SOURCE_MEMORY_BYTES_MAX = 1024 ** 3

export const protectNodeSchema = z.strictObject({
  memory: size(
    SOURCE_MEMORY_BYTES_MIN,
    SOURCE_MEMORY_BYTES_MAX,
    'Memory for counting sources (addresses and prefixes), over all services and workers.',
  ).prefault('64MiB'),
})
