/**
 * Notifications while the node runs: looks once a second at what is wrong, decides per rule what is told (rule-watch.ts)
 * and gives it to the channels (channel.ts), which nobody waits for.
 */
import { SharedLookup } from '../check/shared-lookup.ts'
import type { Log } from '../log/log.ts'
import type { Store } from '../store/store.ts'
import { alarmsOf, type Watched } from './alarms.ts'
import { Channel, type ChannelOptions, type ChannelView, type Outcome, type Send } from './channel.ts'
import { Deliveries, type Delivery } from './deliveries.ts'
import { type Alarm, type Change, type Message, messageOf, testMessage } from './message.ts'
import { type ChannelConfig, channelsOf, type NotifyConfig, type NotifyRule } from './notify-config.ts'
import { sayNotifyBack, sayNotifyFailing, sayNotifyLost } from './notify-lines.ts'
import { RuleWatch, type RuleState } from './rule-watch.ts'
import { sendSlack, sendWebhook } from './send-webhook.ts'

const LOOK_EVERY_MS = 1_000
/** After a start checks have to come first, and a minute has to be over, before something is called over. */
const GRACE_MS = 90_000
const STATE_KEY = 'rule '

export interface NotifyOptions {
  readonly config: NotifyConfig
  readonly node: Watched
  readonly store: Pick<Store, 'notifications'>
  readonly log: Log
  readonly now?: () => number
  /** For tests. */
  readonly send?: Send
  readonly channel?: Partial<Omit<ChannelOptions, 'send' | 'onOutcome'>>
}

export interface RuleView {
  readonly rule: NotifyRule
  /** What is wrong now, as receivers know it. */
  readonly told: readonly { readonly alarm: Alarm; readonly sinceMs: number }[]
  readonly lastSentMs: number | undefined
}

export interface NotifyView {
  readonly channels: readonly ChannelView[]
  readonly rules: readonly RuleView[]
  /** The newest first. */
  readonly deliveries: readonly Delivery[]
}

export interface TestResult {
  readonly channel: string
  readonly ms: number
  /** Undefined: the receiver took it. */
  readonly error: string | undefined
}

interface Watching {
  rule: NotifyRule
  watch: RuleWatch
  alarms: ReadonlyMap<string, Alarm>
  lastSentMs: number | undefined
}

export class Notify {
  readonly #options: NotifyOptions
  readonly #now: () => number
  readonly #send: Send
  readonly #deliveries: Deliveries
  #channels = new Map<string, Channel>()
  #rules = new Map<string, Watching>()
  /** Channels that the log has called failing. */
  readonly #failing = new Set<string>()
  /** As the daemon before left them, by rule. */
  #states = new Map<string, RuleState>()
  #graceUntilMs = -Infinity
  #timer: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(options: NotifyOptions) {
    this.#options = options
    this.#now = options.now ?? Date.now
    this.#send = options.send ?? sendBy(new SharedLookup())
    this.#deliveries = new Deliveries(options.store)
    this.use(options.config)
  }

  /** When this process is the one that answers operators: the version before has left what it had in the store. */
  async start(): Promise<void> {
    this.#graceUntilMs = this.#now() + GRACE_MS
    await this.#readStates()
    const resumed = await this.#deliveries.resume()
    if (this.#isClosed) return
    for (const { channel, message, attempts } of resumed) {
      const known = this.#channels.get(channel)
      if (known !== undefined) known.offer(message, attempts)
      else this.#deliveries.note(channel, message, givenUp(attempts, 'the channel is gone'))
    }
    this.#timer = setInterval(() => this.look(), LOOK_EVERY_MS).unref()
  }

  async #readStates(): Promise<void> {
    try {
      const states = await this.#options.store.notifications.states()
      for (const { key, state } of states) {
        if (key.startsWith(STATE_KEY)) this.#states.set(key.slice(STATE_KEY.length), state as RuleState)
      }
    } catch {
      // The store has said what is wrong with it: what was told before is not known.
    }
    for (const [name, watching] of this.#rules) watching.watch = this.#watchFor(name, watching.rule)
  }

  /** Another configuration: rules and channels of the same name go on from where they are. */
  use(config: NotifyConfig): void {
    const channels = new Map(channelsOf(config).map((one) => [one.name, one]))
    for (const [name, channel] of this.#channels) {
      if (channels.has(name)) continue
      this.#channels.delete(name)
      this.#failing.delete(name)
      channel.giveUpAll('the channel is gone')
    }
    for (const [name, one] of channels) {
      const known = this.#channels.get(name)
      if (known === undefined) this.#channels.set(name, this.#makeChannel(one))
      else known.use(one)
    }
    const before = this.#rules
    this.#rules = new Map(config.rules.map((rule) => [rule.name, this.#goOnWith(rule, before.get(rule.name))]))
    for (const [name, { watch }] of before) if (!this.#rules.has(name) && watch.told.length > 0) this.#forget(name)
  }

  #goOnWith(rule: NotifyRule, before: Watching | undefined): Watching {
    // Another question has other answers: what was told of the old one is not over.
    if (before === undefined || before.rule.when !== rule.when || before.rule.per !== rule.per)
      return { rule, watch: this.#watchFor(rule.name, rule), alarms: new Map(), lastSentMs: undefined }
    const watch = before.rule.gapMs === rule.gapMs ? before.watch : before.watch.withGap(rule.gapMs)
    return { ...before, rule, watch }
  }

  #watchFor(name: string, { gapMs }: NotifyRule): RuleWatch {
    const state = this.#states.get(name)
    this.#states.delete(name)
    return new RuleWatch(gapMs, state, this.#graceUntilMs)
  }

  #makeChannel(config: ChannelConfig): Channel {
    const onOutcome = this.#noteOutcome
    return new Channel(config, { ...this.#options.channel, send: this.#send, onOutcome })
  }

  /** Once a second. */
  look(): void {
    const nowMs = this.#now()
    for (const watching of this.#rules.values()) {
      watching.alarms = alarmsOf(watching.rule, this.#options.node, watching.alarms, nowMs)
      const changes = watching.watch.look(watching.alarms, nowMs)
      if (changes.length > 0) this.#tell(watching, changes, nowMs)
    }
  }

  #tell(watching: Watching, changes: readonly Change[], nowMs: number): void {
    const { rule, watch } = watching
    const message = messageOf(rule, changes, nowMs)
    watching.lastSentMs = nowMs
    for (const [name, channel] of this.#channels) {
      if (rule.channels !== undefined && !rule.channels.includes(name)) continue
      this.#deliveries.add(name, message)
      channel.offer(message)
    }
    this.#options.store.notifications.putState(STATE_KEY + rule.name, watch.state(), nowMs).catch(() => {})
  }

  #forget(rule: string): void {
    this.#options.store.notifications.removeState(STATE_KEY + rule).catch(() => {})
  }

  readonly #noteOutcome = ({ config: { name } }: Channel, message: Message, outcome: Outcome): void => {
    const { log } = this.#options
    this.#deliveries.note(name, message, outcome)
    const reason = outcome.error ?? ''
    if (outcome.state === 'failed') sayNotifyLost(log, name, message, reason)
    if (outcome.state === 'sent' && this.#failing.delete(name)) sayNotifyBack(log, name)
    if (outcome.state !== 'waiting' || this.#failing.has(name)) return
    this.#failing.add(name)
    sayNotifyFailing(log, name, reason)
  }

  /** To one channel, or to all, past what waits; nobody is told twice. Undefined: there is no such channel. */
  async test(who: string, name?: string): Promise<readonly TestResult[] | undefined> {
    const channels = name === undefined ? [...this.#channels.values()] : [this.#channels.get(name)]
    if (channels.includes(undefined)) return undefined
    return await Promise.all(
      channels.map(async (channel) => {
        const beganMs = performance.now()
        const error = await channel!.test(testMessage(channel!.config.name, who, this.#now()))
        return { channel: channel!.config.name, ms: Math.round(performance.now() - beganMs), error }
      }),
    )
  }

  view(): NotifyView {
    return {
      channels: [...this.#channels.values()].map((channel) => channel.view()),
      rules: [...this.#rules.values()].map(({ rule, watch, lastSentMs }) => ({ rule, told: watch.told, lastSentMs })),
      deliveries: this.#deliveries.list(),
    }
  }

  /** The next version goes on, with what is in the store. */
  leave(): void {
    this.#deliveries.leave()
    this.close()
  }

  /** What is on its way is sent by the next start. */
  close(): void {
    this.#isClosed = true
    clearInterval(this.#timer)
    for (const channel of this.#channels.values()) channel.close()
  }
}

function givenUp(attempts: number, error: string): Outcome {
  return { state: 'failed', attempts, nextMs: null, error }
}

function sendBy({ lookup }: SharedLookup): Send {
  return async (config, message, signal) => {
    if (config.type === 'webhook') await sendWebhook(config, message, lookup, signal)
    else if (config.type === 'slack') await sendSlack(config, message, lookup, signal)
    else {
      // Loaded where somebody wants e-mail.
      const { sendEmail } = await import('./send-email.ts')
      await sendEmail(config, message, lookup, signal)
    }
  }
}
