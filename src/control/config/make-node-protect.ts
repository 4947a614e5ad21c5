/** The node's `protect`, with its lists named and their files found. */
import { basename, dirname, resolve } from 'node:path'
import type { ListFileConfig, NodeProtectConfig } from './config.ts'
import type { FirewallConfig } from '../shield/firewall-config.ts'
import type { OverloadRules } from '../overload/overload-rules.ts'
import { makeBanRules } from './make-bans.ts'
import type { ConfigSource } from './config-tree.ts'
import type { ParsedNodeProtect } from './protect-node-schema.ts'

const NAME_MAX = 63

export function makeNodeProtect(protect: ParsedNodeProtect, source: ConfigSource): NodeProtectConfig {
  const networks = (key: 'allow' | 'deny') =>
    protect[key].map((network, i) => ({ ...network, at: source.place(['protect', key, i]) }))
  return {
    allow: networks('allow'),
    deny: networks('deny'),
    bans: makeBanRules(protect.bans),
    firewall: makeFirewall(protect.firewall),
    overload: makeOverloadRules(protect.overload),
    knownClients: protect.knownClients,
    lists: protect.lists.map((list, i) => ({
      name: list.name ?? nameOf(list.file),
      file: resolve(dirname(source.file), list.file),
      action: list.action,
      at: source.place(['protect', 'lists', i]),
    })),
    memoryBytes: protect.memory,
  }
}

function makeOverloadRules(overload: ParsedNodeProtect['overload']): OverloadRules {
  const { rule, reserve, idleAtLeast, firstByteAtLeast } = overload
  return { rule, reservePercent: reserve, idleAtLeastMs: idleAtLeast, firstByteAtLeastMs: firstByteAtLeast }
}

function makeFirewall({ maxEntries, synRate, ...rest }: ParsedNodeProtect['firewall']): FirewallConfig {
  return { ...rest, entriesMax: maxEntries, synsPerSecond: synRate }
}

/** `/etc/tidegate/drop v4.txt` → `drop_v4.txt`: a name can stand in a metric label. */
function nameOf(file: ListFileConfig['file']): string {
  return basename(file)
    .replaceAll(/[^A-Za-z0-9._-]/g, '_')
    .slice(0, NAME_MAX)
}
