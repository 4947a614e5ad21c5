/** The README's first command: it shows a working proxy, as any user, and ends on Ctrl-C. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { describe, test } from 'node:test'
import { answerOf, StartedProgram, TIDEGATE } from './harness/started-program.ts'

interface DemoAddresses {
  readonly services: readonly { readonly name: string; readonly listen: string }[]
  readonly admin: string
  readonly metrics: string
  readonly ready: string
  readonly dashboard: string
}

/** One request on a connection of its own, which ends with the answer. */
async function textOf(url: string): Promise<string> {
  const [response] = (await once(get(url, { agent: false }), 'response')) as [IncomingMessage]
  return text(response)
}

describe('tidegate demo', { timeout: 60_000 }, () => {
  test('shows failover, the PROXY header, a server that speaks first, and the endpoints', async (t) => {
    const program = new StartedProgram(t, TIDEGATE, ['demo', '--json'])
    const [json] = await program.says(/^\{.*\}$/m)
    const { services, admin, metrics, ready, dashboard } = JSON.parse(json) as DemoAddresses
    const listen = (name: string): string => services.find((service) => service.name === name)!.listen

    assert.match(await textOf(listen('web')), /You asked for GET \//)
    await program.says(/CONN +web .*switched-off.*ECONNREFUSED/)
    assert.match(await textOf(listen('proxy')), /the client is +127\.0\.0\.1:\d+\n.*connected to +127\.0\.0\.1:\d+/)
    const greeter = connect(Number(listen('greeter').split(':')[1]), '127.0.0.1').setEncoding('utf8')
    const [greeting] = await once(greeter, 'data')
    greeter.end('QUIT\r\n')
    assert.match(String(greeting), /^220 /)
    assert.match(await textOf(metrics), /tidegate_connections_total\{service="web"\} 1/)
    assert.equal((await fetch(ready)).status, 200)
    assert.equal((await answerOf(TIDEGATE, ['status', '--once', '--admin', admin])).code, 0)

    assert.match(dashboard, new RegExp(`^http://${admin}/#/setup/[\\w-]{43}$`))
    assert.equal((await fetch(new URL('/', dashboard))).headers.get('content-type'), 'text/html; charset=utf-8')

    const { code } = await program.stop('SIGINT')
    assert.equal(code, 0, program.output)
  })

  test('two demos stand beside each other, each on ports of its own', async (t) => {
    const programs: StartedProgram[] = []
    const ports: string[] = []
    for (let i = 0; i < 2; i++) {
      const program = new StartedProgram(t, TIDEGATE, ['demo'])
      const [, port] = await program.says(/web +http:\/\/127\.0\.0\.1:(\d+)\//)
      assert.match(await textOf(`http://127.0.0.1:${port}/`), /Hello from the toy upstream/)
      programs.push(program)
      ports.push(port)
    }
    assert.notEqual(ports[0], ports[1])
    for (const program of programs) assert.equal((await program.stop('SIGINT')).code, 0, program.output)
  })
})
