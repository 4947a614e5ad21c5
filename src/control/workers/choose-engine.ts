/** Which engine carries traffic, and how many workers of it. */
import { availableParallelism } from 'node:os'
import { ffiProblem } from '../../kernel/limits.ts'
import type { EngineName } from '../../traffic/events.ts'
import { StartError } from './start-error.ts'

/** A connection's id has two hex digits for its worker. */
const WORKERS_MAX = 256

export interface EngineChoice {
  readonly engine: EngineName
  /** Why the faster engine was not taken. */
  readonly warning?: string
}

/** Why the linux engine can't run here; undefined when it can. */
export function linuxEngineProblem(): string | undefined {
  if (process.platform !== 'linux') return `it needs Linux, and this is ${process.platform}`
  const problem = ffiProblem()
  return problem === undefined ? undefined : `native calls are not possible here: ${problem}`
}

/** `auto` takes linux where it can run. Throws StartError when `linux` is asked for and can't. */
export function chooseEngine(wanted: EngineName | 'auto', problem = linuxEngineProblem): EngineChoice {
  if (wanted === 'node') return { engine: 'node' }
  const why = problem()
  if (why === undefined) return { engine: 'linux' }
  if (wanted === 'linux') {
    throw new StartError('E_ENGINE', `traffic.engine is linux, but ${why}. Write \`engine: auto\` or \`engine: node\`.`)
  }
  return { engine: 'node', warning: `The node engine carries traffic, at a fraction of the speed of linux: ${why}.` }
}

export interface WorkerCountChoice {
  readonly workers: number
  readonly warning?: string
}

/** `auto` is one per core. Where a port can't be shared between threads there is one worker. */
export function chooseWorkerCount(
  wanted: number | 'auto',
  engine: EngineName,
  platform: NodeJS.Platform = process.platform,
  cores = availableParallelism(),
): WorkerCountChoice {
  const asked = wanted === 'auto' ? cores : wanted
  if (engine === 'node' && platform !== 'linux') {
    if (wanted === 'auto' || wanted === 1) return { workers: 1 }
    return {
      workers: 1,
      warning: `traffic.workers is ${asked}, but workers can't share a port on ${platform}; one it is.`,
    }
  }
  if (asked <= WORKERS_MAX) return { workers: asked }
  return { workers: WORKERS_MAX, warning: `traffic.workers is ${asked}; ${WORKERS_MAX} is the most.` }
}
