/** A change of the configuration by the API: written into the file, taken over live, or nothing has changed at all. */
import assert from 'node:assert/strict'
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, it } from 'node:test'
import type { ConfigAnswer, ConfigChangeAnswer, ConfigHistoryAnswer, Problem } from '../../src/api/contract.ts'
import { greetThenEcho, Upstream } from '../harness/upstream.ts'
import { temporaryFolder, type TestConfig } from '../harness/config.ts'
import { Daemon, runTidegate } from '../harness/daemon.ts'
import { waitFor } from '../harness/deadline.ts'
import { forEachEngine } from '../harness/engines.ts'
import { Peer } from '../harness/peer.ts'

const CONFIG = '/api/v1/config'

forEachEngine((engine) => {
  const open: { stop(): void | Promise<void> }[] = []

  afterEach(async () => {
    for (const one of open.splice(0).reverse()) await one.stop()
  })

  async function greeter(text: string): Promise<Upstream> {
    const upstream = await Upstream.listen({ onConnection: greetThenEcho(text) })
    open.push({ stop: () => upstream.close() })
    return upstream
  }

  async function start(upstream: string, config: Partial<TestConfig> = {}): Promise<Daemon> {
    const services = [{ upstreams: [upstream], balance: 'round-robin' }]
    const daemon = await Daemon.start({ engine, services, ...config })
    open.push(daemon)
    return daemon
  }

  /** As people write it. */
  function yamlOf(daemon: Daemon, upstream: string): string {
    const { port } = daemon.addressOf()
    return [
      '# ours',
      'admin: { listen: "127.0.0.1:0" } # any',
      `traffic: { engine: ${engine}, workers: 2 }`,
      'log: { level: info, format: json, connections: all }',
      'protect: { firewall: { mode: off } }',
      '',
      'services:',
      '  - name: web # the shop',
      `    listen: ["127.0.0.1:${port}"]`,
      '    balance: round-robin',
      '    upstreams:',
      `      - ${upstream} # first`,
      '# end',
      '',
    ].join('\n')
  }

  async function read(daemon: Daemon): Promise<ConfigAnswer> {
    const { status, body } = await daemon.get(CONFIG)
    assert.equal(status, 200, body)
    return JSON.parse(body) as ConfigAnswer
  }

  async function change(
    daemon: Daemon,
    method: string,
    path: string,
    body: object,
  ): Promise<{ status: number; answer: ConfigChangeAnswer & Problem & { current: ConfigAnswer } }> {
    const answer = await daemon.ask(method, path, { body })
    return { status: answer.status, answer: JSON.parse(answer.body) as never }
  }

  async function history(daemon: Daemon) {
    const { versions } = JSON.parse((await daemon.get(`${CONFIG}/history`)).body) as ConfigHistoryAnswer
    return versions
  }

  async function greetings(daemon: Daemon, count: number): Promise<Set<string>> {
    const seen = new Set<string>()
    for (let i = 0; i < count; i++) {
      const client = await Peer.connect(daemon.addressOf())
      seen.add((await client.receive(1)).toString())
      client.reset()
    }
    return seen
  }

  it('an added upstream is in the file, with all else as it was, and gets clients; a rollback takes it out', async () => {
    const [a, b] = [await greeter('a'), await greeter('b')]
    const daemon = await start(a.address.text, { admin: { watchConfig: true } })
    // Of a port that stays, and with comments.
    const { version } = await read(daemon)
    const text = yamlOf(daemon, a.address.text).replace('"127.0.0.1:0" }', '"127.0.0.1:0", watchConfig: true }')
    const put = await change(daemon, 'PUT', CONFIG, { text, version, why: 'comments' })
    assert.equal(put.status, 200, JSON.stringify(put.answer))
    const before = await read(daemon)
    assert.equal(before.text, text)
    const { status, answer } = await change(daemon, 'POST', '/api/v1/services/web/upstreams', {
      address: b.address.text,
      weight: 2,
      why: 'more of them',
    })
    assert.equal(status, 200, JSON.stringify(answer))
    assert.equal(answer.kind, 'done')
    const added = `      - address: ${b.address.text}\n        weight: 2\n`
    const wanted = text.replace('# first\n', `# first\n${added}`)
    assert.equal(readFileSync(daemon.configFile, 'utf8'), wanted)
    assert.deepEqual(await greetings(daemon, 6), new Set(['a', 'b']))
    const versions = await history(daemon)
    assert.deepEqual(
      versions.map(({ who, why }) => [who, why]),
      [
        ['local', 'more of them'],
        ['local', 'comments'],
        ['file', 'start'],
      ],
    )
    const back = await change(daemon, 'POST', `${CONFIG}/rollback`, { id: versions[1].id, version: answer.version })
    assert.equal(back.status, 200, JSON.stringify(back.answer))
    assert.equal(readFileSync(daemon.configFile, 'utf8'), text)
    assert.deepEqual(await greetings(daemon, 4), new Set(['a']))
    // What we wrote was taken over once: the watch found nothing new.
    daemon.editConfig((now) => `${now}# by hand\n`)
    await daemon.waitForLine('the watch', (line) => line.event === 'reloaded' && line['by'] === 'watchConfig')
    const reloads = daemon.lines.filter(({ event }) => event === 'reloaded').map((line) => line['by'])
    assert.deepEqual(reloads, ['admin', 'admin', 'admin', 'watchConfig'])
    await waitFor('the text by hand in the history', async () => (await history(daemon))[0]?.why === 'watchConfig')
  })

  it('a change of a text that somebody else has changed is refused, with theirs', async () => {
    const a = await greeter('a')
    const daemon = await start(a.address.text)
    const { version } = await read(daemon)
    daemon.editConfig((text) => `${text}\n# theirs\n`)
    const theirs = readFileSync(daemon.configFile, 'utf8')
    const { status, answer } = await change(daemon, 'PUT', CONFIG, { text: yamlOf(daemon, a.address.text), version })
    assert.deepEqual([status, answer.code, answer.current.text], [409, 'E_CONFLICT', theirs])
    assert.equal(readFileSync(daemon.configFile, 'utf8'), theirs)
    const old = await change(daemon, 'DELETE', `/api/v1/services/web/upstreams/${a.address.text}`, { version })
    assert.equal(old.answer.code, 'E_CONFLICT')
  })

  it('what is wrong, needs a restart, or cannot be had changes neither the file nor the node', async () => {
    const a = await greeter('a')
    const daemon = await start(a.address.text)
    const { version, text: before } = await read(daemon)
    const inode = statSync(daemon.configFile).ino
    const text = yamlOf(daemon, a.address.text)
    const wrong = await change(daemon, 'PUT', CONFIG, { text: text.replace('round-robin', 'round-rubin'), version })
    assert.equal(wrong.status, 422)
    assert.equal(wrong.answer.kind === 'wrong-config' && wrong.answer.problems[0]?.line, 10)
    const restart = await change(daemon, 'PUT', CONFIG, { text: text.replace('workers: 2', 'workers: 1'), version })
    assert.deepEqual([restart.status, restart.answer.kind], [409, 'needs-restart'])
    // Within the characters of a request, and more bytes than a file may have.
    const large = await change(daemon, 'PUT', CONFIG, { text: `${text}# ${'ö'.repeat(600_000)}`, version })
    assert.deepEqual([large.status, large.answer.kind], [422, 'wrong-config'])
    assert.equal(readFileSync(daemon.configFile, 'utf8'), before)
    assert.equal(statSync(daemon.configFile).ino, inode)
    // Only the swap itself finds out that the port is taken: by then it was in the file.
    const taken = await greeter('taken')
    const twice = text.replace('listen: ["', `listen: ["${taken.address.text}", "`)
    const failed = await change(daemon, 'PUT', CONFIG, { text: twice, version })
    assert.deepEqual([failed.status, failed.answer.kind], [503, 'failed'], JSON.stringify(failed.answer))
    assert.equal(readFileSync(daemon.configFile, 'utf8'), before)
    assert.deepEqual(await greetings(daemon, 2), new Set(['a']))
    assert.deepEqual(
      (await history(daemon)).map(({ who }) => who),
      ['file'],
    )
    assert.deepEqual(
      readdirSync(dirname(daemon.configFile)).filter((name) => name.includes('tidegate-new')),
      [],
    )
  })

  it('a file that is read-only is left alone, and the answer says so', async () => {
    const a = await greeter('a')
    const daemon = await start(a.address.text)
    chmodSync(daemon.configFile, 0o444)
    const { version, readOnly, text } = await read(daemon)
    assert.match(readOnly ?? '', /read-only/)
    const { status, answer } = await change(daemon, 'PUT', CONFIG, { text: `${text}\n`, version })
    assert.deepEqual([status, answer.code], [409, 'E_READ_ONLY'])
    const dry = await change(daemon, 'POST', `${CONFIG}/dry-run`, { text: `${text}\n`, version })
    assert.deepEqual([dry.status, dry.answer.kind], [200, 'checked'])
  })

  it('the command line shows, compares, applies and goes back; exit code 2 for a wrong file', async () => {
    const a = await greeter('a')
    const daemon = await start(a.address.text)
    const { text: before } = await read(daemon)
    const run = async (...words: string[]) => {
      const { code, output } = await runTidegate(['config', ...words, '--admin', daemon.adminAddress.text])
      return [code, output] as const
    }
    const file = join(temporaryFolder(), 'new.yaml')
    writeFileSync(file, yamlOf(daemon, a.address.text).replace('round-robin', 'random'))
    const [diffCode, diff] = await run('diff', file)
    assert.equal(diffCode, 0, diff)
    assert.match(diff, /^\+ {4}balance: random$/m)
    assert.match(diff, /balance: round-robin → random/)
    const [applyCode, applied] = await run('apply', file, '--why', 'at random')
    assert.equal(applyCode, 0, applied)
    assert.match(applied, /In force, version [0-9a-f]{12}\./)
    assert.equal(readFileSync(daemon.configFile, 'utf8'), readFileSync(file, 'utf8'))
    const [, listed] = await run('history')
    assert.match(listed, /local .* at random/)
    const [first] = (await history(daemon)).slice(-1)
    const [backCode, back] = await run('rollback', String(first.id))
    assert.equal(backCode, 0, back)
    assert.equal(readFileSync(daemon.configFile, 'utf8'), before)
    writeFileSync(file, 'services: []')
    const [wrongCode, wrong] = await run('apply', file)
    assert.equal(wrongCode, 2)
    assert.match(wrong, /:1:11: services: .*\nNothing has changed\./)
    const [showCode] = await run('show')
    assert.equal(showCode, 0)
  })

  it('a daemon that is killed while it writes leaves a whole file, and starts with it again', async () => {
    const a = await greeter('a')
    const daemon = await start(a.address.text)
    const { text, version } = await read(daemon)
    // Nobody waits for the answer: the end may come before the write, in it, or after it.
    const filler = '# filler\n'.repeat(50_000)
    const asked = daemon.ask('PUT', CONFIG, { body: { text: `${text}\n${filler}`, version } }).catch(() => undefined)
    await waitFor(
      'the new file',
      () =>
        readdirSync(dirname(daemon.configFile)).some((name) => name.includes('tidegate-new')) ||
        statSync(daemon.configFile).size > text.length,
    )
    daemon.kill()
    await asked
    await daemon.exit()
    const now = readFileSync(daemon.configFile, 'utf8')
    assert.ok(now === text || now === `${text}\n${filler}`, `${now.length} characters`)
    const again = Daemon.launchWith(['run', '-c', daemon.configFile])
    open.push(again)
    await again.waitForLine('the ready line', ({ event }) => event === 'ready')
    const leftovers = () => readdirSync(dirname(daemon.configFile)).filter((name) => name.includes('tidegate-new'))
    await waitFor('an end of what was left', () => leftovers().length === 0)
  })
})
