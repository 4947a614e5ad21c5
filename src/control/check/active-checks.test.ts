import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { capturedLog } from '../../../test/harness/captured-log.ts'
import { waitFor } from '../../../test/harness/deadline.ts'
import { monotonicMs } from '../../lib/clock.ts'
import { NodeWide } from '../../traffic/node-wide.ts'
import type { Tables } from '../../traffic/tables.ts'
import { UpstreamStates } from '../../traffic/upstream-states.ts'
import type { Config } from '../config/config.ts'
import { parseConfig } from '../config/load.ts'
import { capacityFor, makeTables } from '../config/make-tables.ts'
import { StableSlots } from '../config/stable-slots.ts'
import { NO_ADDRESSES } from '../config/upstream-ips.ts'
import { ActiveChecks } from './active-checks.ts'
import type { CheckPlan } from './check-target.ts'

const FOUND_WORDS = ['unknown', 'up', 'down']
const SHAPE = { services: 4, upstreams: 16 }

function configOf(services: string): Config {
  return parseConfig(`services: [ ${services} ]`, 'tidegate.yaml', {})
}

function serviceText(name: string, upstreams: string, rest = 'check: { interval: 10ms, jitter: 0% }'): string {
  const port = 1000 + name.charCodeAt(0)
  return `{ name: ${name}, listen: [ "127.0.0.1:${port}" ], upstreams: [ ${upstreams} ], ${rest} }`
}

const A = '{ name: a, address: 203.0.113.1:80 }'
const B = '{ name: b, address: 203.0.113.2:80 }'
const C = '{ name: c, address: 203.0.113.3:80 }'

/** Checks whose attempts end as `bad` says, with the tables of the configuration last given. */
class Scene {
  readonly states = new UpstreamStates(new SharedArrayBuffer(UpstreamStates.bytes(SHAPE)), SHAPE)
  readonly nodeWide = new NodeWide(new SharedArrayBuffer(NodeWide.bytes(4096)))
  readonly log = capturedLog()
  readonly bad = new Set<string>()
  readonly attempts: string[] = []
  /** Held attempts wait until they are stopped. */
  readonly held = new Set<string>()
  stoppedAttempts = 0
  readonly checks: ActiveChecks
  #slots: StableSlots | undefined
  #tables: Tables | undefined

  constructor() {
    this.checks = new ActiveChecks({
      states: this.states,
      nodeWide: this.nodeWide,
      tables: () => this.#tables!,
      log: this.log.log,
      random: () => 0.5,
      attempt: async (plan, addresses, _network, stop) => this.#attempt(plan, addresses.length, stop),
    })
  }

  async #attempt(
    { upstream, url }: CheckPlan,
    addresses: number,
    stop: AbortSignal,
  ): Promise<{ isGood: boolean; said: string; ms: number }> {
    this.attempts.push(`${upstream} ${url.path} ${addresses}`)
    if (this.held.has(upstream)) {
      await new Promise<void>((resolve) => stop.addEventListener('abort', () => resolve()))
      this.stoppedAttempts++
    }
    return { isGood: !this.bad.has(upstream), said: `asked ${upstream}`, ms: 1 }
  }

  use(config: Config): Config {
    this.#slots ??= new StableSlots(capacityFor(config).addresses)
    this.#tables = makeTables(config, NO_ADDRESSES, this.#slots, 1)
    return config
  }

  indexOf(upstream: string): number {
    return this.#tables!.services.flatMap(({ upstreams }) => upstreams).find(({ name }) => name === upstream)!.index
  }

  found(upstream: string): string {
    return FOUND_WORDS[this.states.found(this.indexOf(upstream))]
  }

  async becomes(upstream: string, found: string): Promise<void> {
    await waitFor(`${upstream} to be ${found}`, () => this.found(upstream) === found)
  }

  events(): unknown[] {
    return this.log.records().map(({ event, upstream, service }) => `${event} ${upstream ?? service}`)
  }
}

describe('active checks', () => {
  const scenes: Scene[] = []
  after(() => {
    for (const { checks } of scenes) checks.stop()
  })

  function scene(): Scene {
    scenes.push(new Scene())
    return scenes.at(-1)!
  }

  it('write what they found, and say only what changed', async () => {
    const it = scene()
    it.bad.add('b')
    it.checks.start(it.use(configOf(serviceText('web', `${A}, ${B}`))))
    await it.becomes('a', 'up')
    await it.becomes('b', 'down')
    assert.deepEqual(it.events(), ['upstream-down b'])
    const beforeMs = monotonicMs()
    it.bad.delete('b')
    await it.becomes('b', 'up')
    assert.ok(it.states.upSinceMs(it.indexOf('b')) >= beforeMs, 'for slow start')
    assert.equal(it.states.upSinceMs(it.indexOf('a')), 0, 'who never was down has no slow start')
    assert.deepEqual(it.events(), ['upstream-down b', 'upstream-up b'])
    const view = it.checks.viewOf(it.indexOf('b'))
    assert.ok(view !== undefined && view.checksUp >= 1 && view.checksDown >= 1)
    assert.equal(view.last?.said, 'asked b')
  })

  it('say within what time an upstream went or came back: since the check before began, which found the opposite', async () => {
    const it = scene()
    it.bad.add('a')
    const startMs = monotonicMs()
    it.checks.start(it.use(configOf(serviceText('web', A))))
    await it.becomes('a', 'down')
    it.bad.delete('a')
    await it.becomes('a', 'up')
    it.bad.add('a')
    await it.becomes('a', 'down')
    const news = it.log.records().filter(({ upstream, event }) => upstream === 'a' && event !== 'upstreams-back')
    assert.deepEqual(
      news.map(({ event }) => event),
      ['upstream-down', 'upstream-up', 'upstream-down'],
    )
    const [first, ...then] = news.map(({ sinceLastCheckMs }) => sinceLastCheckMs)
    assert.equal(first, null, 'nothing was known of it before')
    // The interval is 10 ms without jitter; a timer is never early by more than one.
    for (const ms of then) assert.ok(Number(ms) >= 9, `${String(ms)} ms`)
    assert.ok(Number(then[0]) + Number(then[1]) <= monotonicMs() - startMs + 1, 'the last one, not one before it')
  })

  it('clients are back with the check: what failed while it was down is forgotten', async () => {
    const it = scene()
    it.bad.add('a')
    const elsewhere = '{ name: b, address: 203.0.113.2:80, check: { url: "http://203.0.113.9/" } }'
    it.checks.start(it.use(configOf(serviceText('web', `${A}, ${elsewhere}`))))
    await it.becomes('a', 'down')
    const [ofA, ofB] = [it.indexOf('a'), it.indexOf('b')]
    const untilMs = monotonicMs() + 60_000
    for (const index of [ofA, ofB]) it.states.eject(index, monotonicMs(), untilMs)
    it.states.countFailure(ofA)
    for (const addressIndex of [0, 1]) it.nodeWide.rememberFailure(addressIndex, untilMs)
    it.bad.clear()
    await it.becomes('a', 'up')
    assert.equal(it.states.isDown(ofA, monotonicMs()), false)
    assert.equal(it.states.failuresInRow(ofA), 0)
    assert.equal(it.nodeWide.failedUntilMs(0), 0)
    // The other was never found down, and its check goes elsewhere: that it succeeds says nothing about connects here.
    assert.equal(it.states.isDown(ofB, monotonicMs()), true)
    assert.equal(it.nodeWide.failedUntilMs(1), untilMs)
  })

  it('an ejection ends with the first check that began after it, went where clients go and succeeded', async () => {
    for (const [check, ends] of [
      ['{ type: tcp, interval: 10ms }', true],
      ['{ url: "http://{address}/health", interval: 10ms }', true],
      ['{ url: "http://{host}:81/health", interval: 10ms }', false],
      ['{ url: "http://203.0.113.9/", interval: 10ms }', false],
    ] as const) {
      const it = scene()
      it.checks.start(it.use(configOf(serviceText('web', A, `check: ${check}`))))
      await it.becomes('a', 'up')
      const index = it.indexOf('a')
      const nowMs = monotonicMs()
      // The checks of some turns from now on began before it.
      it.states.eject(index, nowMs + 100, nowMs + 60_000)
      const checksUp = (): number => it.checks.viewOf(index)?.checksUp ?? 0
      const before = checksUp()
      await waitFor('checks after it', () => monotonicMs() > nowMs + 150 && checksUp() > before + 5)
      assert.equal(it.states.isDown(index, monotonicMs()), !ends, check)
    }
  })

  it('a service without `check` is left alone', async () => {
    const it = scene()
    it.checks.start(it.use(configOf(`${serviceText('web', A)}, ${serviceText('quiet', B, 'mode: raw')}`)))
    await it.becomes('a', 'up')
    assert.equal(it.checks.viewOf(it.indexOf('b')), undefined)
    assert.ok(it.attempts.every((attempt) => attempt === 'a / 1'))
  })

  it('update: who stays keeps its verdict, who is new is checked, who is gone is unknown again', async () => {
    const it = scene()
    it.bad.add('a').add('b')
    it.checks.start(it.use(configOf(serviceText('web', `${A}, ${B}, ${C}`))))
    await it.becomes('a', 'down')
    await it.becomes('b', 'down')
    const goneIndex = it.indexOf('b')
    it.checks.update(it.use(configOf(serviceText('web', `${C}, ${A}, { name: d, address: 203.0.113.4:80 }`))))
    assert.equal(it.found('a'), 'down')
    assert.equal(FOUND_WORDS[it.states.found(goneIndex)], 'unknown')
    assert.equal(it.checks.viewOf(goneIndex), undefined)
    await it.becomes('d', 'up')
    it.attempts.length = 0
    await waitFor('more checks', () => it.attempts.filter((attempt) => attempt.startsWith('a ')).length > 2)
    assert.ok(it.attempts.every((attempt) => !attempt.startsWith('b ')))
    it.bad.clear()
    await it.becomes('a', 'up')
  })

  it('update: a check that did not change goes on, one that did begins anew and keeps its verdict', async () => {
    const it = scene()
    const hours = (url: string): Config =>
      configOf(serviceText('web', `${A}, ${B}`, `check: { interval: 1h, url: "${url}", expectBody: "/a+/i" }`))
    it.bad.add('a')
    it.checks.start(it.use(hours('/one')))
    await it.becomes('a', 'down')
    await it.becomes('b', 'up')
    assert.equal(it.attempts.length, 2)
    it.checks.update(it.use(hours('/one')))
    assert.equal(it.attempts.length, 2, 'nothing changed, so nobody is asked out of turn')
    it.held.add('a')
    it.checks.update(it.use(hours('/two')))
    assert.deepEqual(it.attempts.slice(2), ['a /two 1', 'b /two 1'])
    assert.equal(it.found('a'), 'down')
    it.checks.update(it.use(hours('/three')))
    await waitFor('the end of the attempt that hung', () => it.stoppedAttempts === 1)
    assert.equal(it.found('a'), 'down', 'what is cut off says nothing')
  })

  it('update: without `check` in the new file everything is unknown, and nobody is asked', async () => {
    const it = scene()
    it.bad.add('a')
    it.checks.start(it.use(configOf(serviceText('web', `${A}, ${B}`))))
    await it.becomes('a', 'down')
    it.checks.update(it.use(configOf(serviceText('web', `${A}, ${B}`, 'mode: raw'))))
    assert.deepEqual([it.found('a'), it.found('b')], ['unknown', 'unknown'])
    assert.equal(it.checks.viewOf(it.indexOf('a')), undefined)
  })

  it('all down is said once, also when failures and a person took them out, and so is the end of it', async () => {
    const it = scene()
    const hours = 'check: { interval: 1h }, whenAllDown: refuse'
    it.checks.start(it.use(configOf(serviceText('web', `${A}, ${B}, ${C}`, hours))))
    for (const upstream of ['a', 'b', 'c']) await it.becomes(upstream, 'up')
    it.states.setFound(it.indexOf('a'), 'down')
    it.states.setWanted(it.indexOf('b'), 'drain')
    it.checks.update(it.use(configOf(serviceText('web', `${A}, ${B}, ${C}`, hours))))
    assert.deepEqual(it.events(), [])
    // Nobody tells control of it: it looks.
    it.states.eject(it.indexOf('c'), monotonicMs(), monotonicMs() + 60_000)
    await waitFor('the loud line', () => it.events().length > 0)
    assert.deepEqual(it.events(), ['all-upstreams-down web'])
    assert.equal(it.log.records()[0]['level'], 'error')
    assert.match(String(it.log.records()[0]['msg']), /whenAllDown: refuse/)
    assert.equal(it.checks.isAllDown(0), true)
    it.states.endEjection(it.indexOf('c'))
    await waitFor('the line after it', () => it.events().length > 1)
    assert.deepEqual(it.events(), ['all-upstreams-down web', 'upstreams-back c'])
    assert.equal(it.checks.isAllDown(0), false)
  })

  it('stop: what is under way is cut off, and nothing is said or written any more', async () => {
    const it = scene()
    it.held.add('a')
    it.checks.start(it.use(configOf(serviceText('web', A))))
    await waitFor('the attempt', () => it.attempts.length === 1)
    it.bad.add('a')
    it.checks.stop()
    await waitFor('its end', () => it.stoppedAttempts === 1)
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(it.found('a'), 'unknown')
    assert.deepEqual(it.events(), [])
  })
})
