/** The entry of a worker thread: runs the engine that control chose. */
import { workerData } from 'node:worker_threads'
import type { WorkerStart } from './events.ts'

const start = workerData as WorkerStart

// Imported on demand: the linux engine loads FFI, which the node engine is there to do without.
if (start.engine === 'linux') {
  const { runLinuxEngine } = await import('./linux-engine/engine.ts')
  runLinuxEngine(start)
} else {
  const { runNodeEngine } = await import('./node-engine/engine.ts')
  runNodeEngine(start)
}
