/** Which CPUs the proxy, the origin and the load generator run on. README.md has the measurements behind the default. */
import { availableParallelism } from 'node:os'

export type Pinning = 'split' | 'none'

export interface Placement {
  readonly proxy: string | undefined
  readonly origin: string | undefined
  readonly load: string | undefined
  readonly words: string
}

export function place(pinning: Pinning): Placement {
  const cpus = availableParallelism()
  if (pinning === 'none' || cpus < 2) {
    return { proxy: undefined, origin: undefined, load: undefined, words: `${cpus} CPUs, nothing pinned` }
  }
  if (cpus === 2) return { proxy: '0', origin: '1', load: '1', words: 'proxy on CPU 0, origin and load on CPU 1' }
  return { proxy: '0', origin: '1', load: '2', words: 'proxy on CPU 0, origin on CPU 1, load on CPU 2' }
}
