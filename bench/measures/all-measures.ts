import { attack } from './attack.ts'
import { banned } from './banned.ts'
import { bulk } from './bulk.ts'
import { changes } from './changes.ts'
import { dashboards } from './dashboards.ts'
import { kept } from './kept.ts'
import { latency } from './latency.ts'
import { logs } from './logs.ts'
import type { Measure } from './measure.ts'
import { memory } from './memory.ts'
import { methods } from './methods.ts'
import { newConnections } from './new.ts'
import { proxyHeader } from './proxy.ts'
import { shield } from './shield.ts'
import { syscalls } from './syscalls.ts'

/** In the order they run: latency takes its rate from kept. A new measure is a file in this folder and a place in this list. */
export const ALL_MEASURES: readonly Measure[] = [
  kept,
  newConnections,
  bulk,
  latency,
  memory,
  proxyHeader,
  logs,
  shield,
  methods,
  changes,
  syscalls,
  dashboards,
  attack,
  banned,
]

/** Not run unless `--only` names them. */
export const ONLY_WHEN_NAMED: readonly string[] = ['shield', 'dashboards', 'syscalls', 'attack', 'banned']
