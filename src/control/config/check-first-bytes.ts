/** A client whose first byte is waited for is not waited for without end. */
import type { Config } from './config.ts'
import type { ConfigSource } from './config-tree.ts'
import type { ConfigProblem } from './problem.ts'

export function checkFirstBytes(config: Config, source: ConfigSource): ConfigProblem[] {
  return config.services.flatMap(({ protect }, i) => {
    if (protect.dialOn !== 'first-byte' || protect.firstByteTimeoutMs > 0) return []
    const path = ['services', i, 'protect', 'firstByteTimeout']
    const says = 'keeps a client that never sends a byte for ever, as dialOn is first-byte; expected a duration'
    return [source.problem('E_CONFIG_VALUE', path, says)]
  })
}
