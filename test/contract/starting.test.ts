/** How the daemon starts and fails to start: exit codes are for scripts, texts are for people. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { it } from 'node:test'
import { temporaryFolder, writeConfig } from '../harness/config.ts'
import { Daemon, runTidegate } from '../harness/daemon.ts'
import { forEachEngine } from '../harness/engines.ts'
import { Peer } from '../harness/peer.ts'
import { echo, Upstream } from '../harness/upstream.ts'

function configFile(text: string): string {
  const file = join(temporaryFolder(), 'tidegate.yaml')
  writeFileSync(file, text)
  return file
}

forEachEngine((engine) => {
  it('a port that is taken ends it with 1 and names the address', async () => {
    const holder = await Upstream.listen()
    const daemon = Daemon.launch({ engine, services: [{ listen: [holder.address.text], upstreams: ['127.0.0.1:9'] }] })
    const { code } = await daemon.exit()
    holder.close()
    assert.equal(code, 1)
    assert.match(daemon.describeOutput(), new RegExp(holder.address.text.replaceAll('.', '\\.')))
    assert.doesNotMatch(daemon.describeOutput(), /\n\s+at /)
    assert.equal(
      daemon.lines.some((line) => line.event === 'ready'),
      false,
    )
  })

  it('two daemons do not share a port by accident', async () => {
    const first = await Daemon.start({ engine, services: [{ upstreams: ['127.0.0.1:9'] }] })
    const second = Daemon.launch({
      engine,
      services: [{ listen: [first.addressOf().text], upstreams: ['127.0.0.1:9'] }],
    })
    assert.equal((await second.exit()).code, 1)
    await first.stop()
  })

  it('an admin port that is taken ends it with 1', async () => {
    const holder = await Upstream.listen()
    const daemon = Daemon.launch({
      engine,
      admin: { listen: holder.address.text },
      services: [{ upstreams: ['127.0.0.1:9'] }],
    })
    assert.equal((await daemon.exit()).code, 1)
    assert.match(daemon.describeOutput(), /admin/)
    holder.close()
  })

  it('admin.listen off: no admin port, and traffic all the same', async () => {
    const upstream = await Upstream.listen({ onConnection: echo })
    const daemon = await Daemon.start({
      engine,
      admin: { listen: 'off' },
      services: [{ upstreams: [upstream.address.text] }],
    })
    assert.equal(
      daemon.lines.some((line) => line.event === 'admin-listening'),
      false,
    )
    const client = await Peer.connect(daemon.addressOf())
    await client.write('hello')
    await client.receiveText('hello')
    client.destroy()
    upstream.close()
    await daemon.stop()
  })

  it('it starts again on its port at once, with connections of the last one still closing', async () => {
    const upstream = await Upstream.listen({ onConnection: echo })
    const first = await Daemon.start({ engine, services: [{ upstreams: [upstream.address.text] }] })
    const at = first.addressOf()
    const client = await Peer.connect(at)
    await client.write('hello')
    await client.receiveText('hello')
    // The upstream finishes first: TIME-WAIT stays at the daemon's side of the client's connection.
    upstream.connections[0].finish()
    await client.receiveAll()
    client.finish()
    await first.lineOf(client)
    await first.stop()
    const second = await Daemon.start({ engine, services: [{ listen: [at.text], upstreams: [upstream.address.text] }] })
    const again = await Peer.connect(second.addressOf())
    await again.write('hello')
    await again.receiveText('hello')
    again.destroy()
    await second.stop()
    upstream.close()
  })

  it('the ready line says which engine runs', async () => {
    const daemon = await Daemon.start({ engine, services: [{ upstreams: ['127.0.0.1:9'] }] })
    const ready = daemon.lines.find((line) => line.event === 'ready')
    assert.equal(ready?.['engine'], engine)
    await daemon.stop()
  })
})

it('engine auto takes the linux engine where it can run', async () => {
  const file = writeConfig(temporaryFolder(), { services: [{ upstreams: ['127.0.0.1:9'] }] })
  const daemon = Daemon.launchWith(['run', '-c', file])
  const ready = await daemon.waitForLine('the ready line', (line) => line.event === 'ready')
  assert.equal(ready['engine'], process.platform === 'linux' ? 'linux' : 'node')
  await daemon.stop()
})

for (const command of ['run', 'check'] as const) {
  it(`${command}: a config with errors ends with 2, and all errors are told with place, value and what is expected`, async () => {
    const file = configFile(
      [
        'services:',
        '  - name: web',
        '    listen: ["127.0.0.1:70000"]',
        '    mode: rav',
        '    upstream: ["127.0.0.1:1"]',
        '',
      ].join('\n'),
    )
    const { code, output } = await runTidegate([command, '-c', file])
    assert.equal(code, 2)
    assert.match(output, /tidegate\.yaml:3:\d+.*70000/)
    assert.match(output, /tidegate\.yaml:4:\d+.*rav.*raw/s)
    assert.match(output, /tidegate\.yaml:5:\d+.*upstreams/)
    assert.doesNotMatch(output, /\n\s+at /)
  })

  it(`${command}: broken YAML ends with 2`, async () => {
    const { code, output } = await runTidegate([command, '-c', configFile('services: [\n')])
    assert.equal(code, 2)
    assert.match(output, /tidegate\.yaml:\d+:\d+/)
  })

  it(`${command}: a file that is not there ends with 2 and is named`, async () => {
    const { code, output } = await runTidegate([command, '-c', '/nowhere/tidegate.yaml'])
    assert.equal(code, 2)
    assert.match(output, /\/nowhere\/tidegate\.yaml/)
  })

  it(`${command}: an unset variable ends with 2 and is named`, async () => {
    const file = configFile(
      'services:\n  - { name: web, listen: ["127.0.0.1:0"], mode: raw, upstreams: ["${NO_SUCH_VARIABLE}:1"] }\n',
    )
    const { code, output } = await runTidegate([command, '-c', file])
    assert.equal(code, 2)
    assert.match(output, /NO_SUCH_VARIABLE/)
  })
}

it('check: a good config ends with 0', async () => {
  const file = writeConfig(temporaryFolder(), { services: [{ upstreams: ['127.0.0.1:9'] }] })
  assert.equal((await runTidegate(['check', '-c', file])).code, 0)
})

it('a variable is put in', async () => {
  const text = 'services:\n  - { name: web, listen: ["127.0.0.1:0"], mode: raw, upstreams: ["${UPSTREAM}"] }\n'
  assert.equal((await runTidegate(['check', '-c', configFile(text)], { UPSTREAM: '127.0.0.1:9' })).code, 0)
})

for (const args of [['no-such-command'], ['run', '--no-such-option'], ['run', 'too', 'many']]) {
  it(`tidegate ${args.join(' ')} ends with 2`, async () => {
    assert.equal((await runTidegate(args)).code, 2)
  })
}

it('--help and --version end with 0', async () => {
  for (const args of [['--help'], ['--version'], ['run', '--help'], ['check', '--help']]) {
    assert.equal((await runTidegate(args)).code, 0, args.join(' '))
  }
})
