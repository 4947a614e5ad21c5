import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import type { ServerResponse } from 'node:http'
import { mock, test } from 'node:test'
import { LiveFeed } from './live-feed.ts'

class Watcher extends EventEmitter {
  text = ''
  writableLength = 0
  #isEnded = false
  /** As a response does it: where nobody listens, the error ends the daemon. */
  write(text: string): void {
    if (this.#isEnded) this.emit('error', new Error('write after end'))
    this.text += text
  }
  end(): void {
    this.#isEnded = true
    if (this.writableLength === 0) this.emit('close')
  }
  destroy(): void {
    this.emit('close')
  }
  get events(): number {
    return this.text.split('event: ').length - 1
  }
}

const yes = async (): Promise<boolean> => true

function add(feed: LiveFeed, mayStill = yes): Watcher {
  const watcher = new Watcher()
  feed.add(watcher as unknown as ServerResponse, mayStill)
  return watcher
}

test('the text is made once a second for all, and not at all when nobody watches', () => {
  mock.timers.enable({ apis: ['setInterval'] })
  let made = 0
  const feed = new LiveFeed(() => `${++made}`)
  const watchers = [add(feed), add(feed), add(feed)]
  made = 0
  mock.timers.tick(5_000)
  assert.equal(made, 5)
  assert.deepEqual(
    watchers.map(({ events }) => events),
    [6, 6, 6],
  )
  for (const watcher of watchers) watcher.end()
  mock.timers.tick(5_000)
  assert.deepEqual([made, feed.watchers], [5, 0])
  mock.timers.reset()
})

test('who does not read is cut off, and who may no longer watch', async () => {
  mock.timers.enable({ apis: ['setInterval'] })
  const feed = new LiveFeed(() => '{}')
  const slow = add(feed)
  let may = true
  const other = add(feed, async () => may)
  slow.writableLength = 5 * 1024 * 1024
  mock.timers.tick(1_000)
  assert.deepEqual([feed.watchers, other.events], [1, 2])
  mock.timers.tick(60_000)
  await Promise.resolve()
  assert.equal(feed.watchers, 1)
  may = false
  mock.timers.tick(30_000)
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(feed.watchers, 0)
  mock.timers.reset()
})

test('who may no longer watch and does not read is cut off, too, and not written to after the end', async () => {
  mock.timers.enable({ apis: ['setInterval'] })
  const feed = new LiveFeed(() => '{}')
  const stalled = add(feed, async () => false)
  stalled.writableLength = 1_000
  mock.timers.tick(30_000)
  await new Promise((resolve) => setImmediate(resolve))
  mock.timers.tick(5_000)
  assert.deepEqual([feed.watchers, stalled.events], [0, 31])
  mock.timers.reset()
})
