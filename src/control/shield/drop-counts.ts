/** What the kernel dropped, rule by rule, over all tables that this process had there. */
import type { NftCounter } from '../../kernel/nftables.ts'
import type { Log } from '../log/log.ts'
import { sayDropped } from './firewall-lines.ts'
import type { RuleCount } from './firewall-view.ts'
import { counterName, FIREWALL_RULE_NAMES, type FirewallRule } from './ruleset.ts'

const LINE_EVERY_MS = 10_000
const NONE: RuleCount = { packets: 0, bytes: 0 }

export class DropCounts {
  readonly #counts = new Map<FirewallRule, RuleCount>()
  #said = new Map<FirewallRule, RuleCount>()
  #saidAtMs = -Infinity

  of(rule: FirewallRule): RuleCount {
    return this.#counts.get(rule) ?? NONE
  }

  /** Since they were last read. */
  add(counters: readonly NftCounter[]): void {
    for (const rule of FIREWALL_RULE_NAMES) {
      const counter = counters.find(({ name }) => name === counterName(rule))
      if (counter === undefined) continue
      const { packets, bytes } = this.of(rule)
      this.#counts.set(rule, { packets: packets + counter.packets, bytes: bytes + counter.bytes })
    }
  }

  /** One line for many packets, and not too often. */
  sayFresh(log: Log, nowMs: number): void {
    if (nowMs < this.#saidAtMs + LINE_EVERY_MS) return
    const fresh = FIREWALL_RULE_NAMES.map((rule) => {
      return { rule, packets: this.of(rule).packets - (this.#said.get(rule)?.packets ?? 0) }
    }).filter(({ packets }) => packets > 0)
    if (fresh.length === 0) return
    sayDropped(log, fresh)
    this.#said = new Map(this.#counts)
    this.#saidAtMs = nowMs
  }
}
