/** `protect` at the top of the file: what is the node's and not one service's. */
import { z } from 'zod'
import { SOURCE_MEMORY_BYTES_MIN } from '../../traffic/admit/source-table.ts'
import { SIZE_BYTES_MAX } from '../../lib/size.ts'
import { size } from './leaf.ts'

export const protectNodeSchema = z.strictObject({
  memory: size(
    SOURCE_MEMORY_BYTES_MIN,
    SIZE_BYTES_MAX,
    'Memory for counting sources (addresses and prefixes), over all services and workers.',
  ).prefault('64MiB'),
})
