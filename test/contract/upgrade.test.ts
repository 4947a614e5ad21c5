/** An upgrade gives the listening sockets to the next process: no client is lost, and whoever is connected stays. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { afterEach, it } from 'node:test'
import { Daemon, type LogLine } from '../harness/daemon.ts'
import { waitFor } from '../harness/deadline.ts'
import { forEachEngine } from '../harness/engines.ts'
import { Peer } from '../harness/peer.ts'
import { answerOf, TIDEGATE } from '../harness/started-program.ts'
import { echo, Upstream } from '../harness/upstream.ts'

const UPGRADES = 3

forEachEngine((engine) => {
  let pid = 0
  let daemon: Daemon
  /** Every process of a test; the harness knows the first only. */
  const pids = new Set<number>()
  afterEach(async () => {
    for (const one of pids) if (isRunning(one)) process.kill(one, 'SIGKILL')
    pids.clear()
    // Its output is open until the last of them is gone.
    await daemon.exited
  })

  async function start(upstream: Upstream, protect?: Record<string, unknown>): Promise<void> {
    const traffic = { workers: 2 }
    daemon = await Daemon.start({
      engine,
      traffic,
      ...(protect === undefined ? {} : { protect }),
      services: [{ name: 'web', upstreams: [upstream.address.text] }],
    })
    pid = daemon.pid
    pids.add(pid)
  }

  /** The line that says how an upgrade ended. */
  async function upgrade(): Promise<LogLine> {
    const before = outcomes().length
    process.kill(pid, 'SIGUSR2')
    await waitFor('the upgrade to end', () => outcomes().length > before)
    const outcome = outcomes()[before]
    if (outcome.event === 'upgraded') pid = outcome['pid'] as number
    pids.add(pid)
    return outcome
  }

  function outcomes(): LogLine[] {
    return daemon.lines.filter(({ event }) => event === 'upgraded' || event === 'upgrade-failed')
  }

  it('who is banned stays banned', async () => {
    const upstream = await Upstream.listen({ onConnection: echo })
    await start(upstream, { allow: [] })
    const admin = daemon.adminAddress.text
    const ban = await answerOf(process.execPath, [TIDEGATE, 'bans', 'add', '127.0.1.7', '--admin', admin])
    assert.deepEqual([ban.code, ban.stderr], [0, ''])
    assert.equal((await upgrade()).event, 'upgraded')
    const banned = await Peer.connect(daemon.addressOf(), { localAddress: '127.0.1.7' })
    assert.equal((await banned.receiveAll()).ending, 'reset')
    const other = await Peer.connect(daemon.addressOf(), { localAddress: '127.0.1.8' })
    await other.write('hello')
    await other.receiveText('hello')
    const list = await answerOf(process.execPath, [TIDEGATE, 'bans', '--admin', admin])
    assert.match(list.stdout, /^ {2}127\.0\.1\.7 /m)
    other.destroy()
    upstream.close()
  })

  it('who is on a list that operators keep stays on it, and can be taken off', async () => {
    const upstream = await Upstream.listen({ onConnection: echo })
    await start(upstream, { allow: [] })
    const path = '/api/v1/lists/deny/scanners'
    const put = await daemon.ask('POST', path, {
      body: { entries: [{ network: '127.0.1.7' }, { network: '127.0.1.9' }] },
    })
    assert.equal(put.status, 200)
    assert.equal((await upgrade()).event, 'upgraded')
    const denied = await Peer.connect(daemon.addressOf(), { localAddress: '127.0.1.7' })
    assert.equal((await denied.receiveAll()).ending, 'reset')
    const removal = await waitFor('the new version to answer', async () => {
      const answer = await daemon.ask('DELETE', path, { body: { networks: ['127.0.1.7'] } }).catch(() => undefined)
      return answer?.status === 200 ? (JSON.parse(answer.body) as Record<string, unknown>) : undefined
    })
    assert.deepEqual([removal['removed'], removal['entries'], removal['inForce']], [1, 1, true])
    await waitFor('it to be served', async () => {
      const client = await Peer.connect(daemon.addressOf(), { localAddress: '127.0.1.7' })
      client.socket.on('error', () => {})
      client.socket.end('hello')
      return (await client.receiveAll()).bytes.toString() === 'hello'
    })
    upstream.close()
  })

  it('no client is lost while versions follow each other, and open connections stay to their end', async () => {
    const upstream = await Upstream.listen()
    upstream.onConnection = echo
    await start(upstream)
    const address = daemon.addressOf('web')
    const open = await Peer.connect(address)
    await open.write('before')
    await open.receiveText('before')
    let isOver = false
    let served = 0
    const connectAgainAndAgain = async (): Promise<void> => {
      while (!isOver) {
        const client = await Peer.connect(address)
        await client.write(`client ${served}`)
        await client.receiveText(`client ${served}`)
        client.destroy()
        served++
      }
    }
    // Counts up in one loop only: each waits for its own echo.
    const connecting = connectAgainAndAgain()
    const admin = daemon.adminAddress.text
    for (let i = 0; i < UPGRADES; i++) {
      // More workers than sockets, then fewer.
      daemon.editConfig((text) => text.replace(/"workers":\s*\d+/, `"workers": ${[3, 1, 2][i]}`))
      assert.equal((await upgrade()).event, 'upgraded')
      const servedBefore = served
      await waitFor('clients to be served by the next version', () => served > servedBefore + 20)
    }
    isOver = true
    await connecting
    assert.equal(pids.size, UPGRADES + 1)
    assert.equal(JSON.parse((await daemon.get('/status.json')).body).workers.length, 2)
    assert.equal(daemon.adminAddress.text, admin)
    await open.write(' and after')
    await open.receiveText('before and after')
    const first = daemon.pid
    open.finish()
    assert.equal((await open.receiveAll()).ending, 'fin')
    await waitFor('the first version to end with its last connection', () => !isRunning(first))
    upstream.close()
  })

  it('a next version that does not start changes nothing, and the log says why', async () => {
    const upstream = await Upstream.listen()
    upstream.onConnection = echo
    await start(upstream)
    daemon.editConfig(() => 'services: []')
    const outcome = await upgrade()
    assert.equal(outcome.event, 'upgrade-failed')
    assert.match(String(outcome['why']), /services: is empty/)
    const client = await Peer.connect(daemon.addressOf('web'))
    await client.write('still here')
    await client.receiveText('still here')
    client.destroy()
    upstream.close()
  })

  it('tidegate upgrade says how it went', async () => {
    const upstream = await Upstream.listen()
    await start(upstream)
    const args = ['upgrade', '--admin', daemon.adminAddress.text]
    const good = await answerOf(process.execPath, [TIDEGATE, ...args])
    const line = await daemon.waitForLine('the upgrade', ({ event }) => event === 'upgraded')
    pids.add(line['pid'] as number)
    assert.equal(good.code, 0)
    assert.match(good.stdout, new RegExp(`serves now \\(pid ${line['pid']}\\)`))
    daemon.editConfig(() => 'services: []')
    const bad = await answerOf(process.execPath, [TIDEGATE, ...args])
    assert.equal(bad.code, 1)
    assert.match(bad.stderr, /services: is empty[^]*the running version goes on/)
    upstream.close()
  })

  // Both versions hold the same socket: closing it does not end its being watched. The old one was told of each client
  // of the new one, without end while nobody had accepted it, and ten old versions took ten times the CPU of the newest.
  it('a version that lingers is not told of the clients of the next one', async () => {
    const upstream = await Upstream.listen()
    upstream.onConnection = echo
    await start(upstream)
    const open = await Peer.connect(daemon.addressOf('web'))
    await open.write('one')
    await open.receiveText('one')
    const first = pid
    assert.equal((await upgrade()).event, 'upgraded')
    await daemon.waitForLine('the drain', ({ event }) => event === 'draining')
    await waitFor('the old version to watch nothing that it has closed', () => watchedButClosed(first).length === 0)
    open.destroy()
    upstream.close()
  })

  it('a version that lingers for its clients can be stopped like any other', async () => {
    const upstream = await Upstream.listen()
    upstream.onConnection = echo
    await start(upstream)
    const open = await Peer.connect(daemon.addressOf('web'))
    await open.write('one')
    await open.receiveText('one')
    const first = pid
    assert.equal((await upgrade()).event, 'upgraded')
    process.kill(first, 'SIGTERM')
    await daemon.waitForLine('the drain', (line) => line.event === 'draining' && line['by'] === 'SIGTERM')
    process.kill(first, 'SIGTERM')
    assert.equal((await open.receiveAll()).ending, 'reset')
    await waitFor('the first version to end', () => !isRunning(first))
    upstream.close()
  })
})

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** Sockets in an epoll set of the process that are not its own any more [proc_pid_fdinfo(5)]. */
function watchedButClosed(pid: number): string[] {
  const folder = `/proc/${pid}`
  const linkOf = (fd: string): string => {
    try {
      return readlinkSync(`${folder}/fd/${fd}`)
    } catch {
      return 'closed'
    }
  }
  const sets = readdirSync(`${folder}/fd`).filter((fd) => linkOf(fd) === 'anon_inode:[eventpoll]')
  const watched = sets.flatMap((set) => readFileSync(`${folder}/fdinfo/${set}`, 'utf8').match(/^tfd:.*/gm) ?? [])
  return watched.filter((line) => {
    const [, fd, inode] = /^tfd:\s+(\d+) .*\bino:([0-9a-f]+)/.exec(line) ?? []
    const link = linkOf(fd)
    return link === 'closed' || (link.startsWith('socket:') && link !== `socket:[${Number.parseInt(inode, 16)}]`)
  })
}
