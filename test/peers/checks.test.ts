/** Checks against real servers: nginx and HAProxy with and without PROXY, HTTPS with good, expired and foreign certificates. */
import assert from 'node:assert/strict'
import { after, afterEach, before, describe, it } from 'node:test'
import { join } from 'node:path'
import { writeFileSync } from 'node:fs'
import type { Address } from '../harness/address.ts'
import { makeAuthority, makeCertificate, type Authority, type Certificate } from '../harness/certificates.ts'
import { temporaryFolder, writeConfig } from '../harness/config.ts'
import { Daemon, type LogLine, runTidegate } from '../harness/daemon.ts'
import { waitFor } from '../harness/deadline.ts'
import { ENGINES } from '../harness/engines.ts'
import { HealthServer } from '../harness/health-server.ts'
import { enterOwnNetwork } from '../harness/own-network.ts'
import { freeAddress, missingTool, RealPeer } from '../harness/real-peer.ts'

enterOwnNetwork()

// What checks do is the same for every engine: contract/checks.test.ts shows that traffic follows on each.
const engine = ENGINES[0]
const SOON = { interval: '50ms', jitter: '0%' }

interface TestUpstream extends Record<string, unknown> {
  readonly name: string
  readonly address: string
  readonly check?: { readonly url: string }
}

/** What the first check of each upstream said, `up` or the reason. */
async function verdicts(
  check: Record<string, unknown>,
  upstreams: readonly TestUpstream[],
): Promise<Record<string, string>> {
  const daemon = await Daemon.start({
    engine,
    services: [{ upstreams: [...upstreams], check: { ...SOON, ...check } }],
  })
  try {
    const found = await waitFor('a check of each', async () => {
      const { services } = JSON.parse((await daemon.get('/status.json')).body) as {
        services: { upstreams: { name: string; check: { result: string; reason: string } | null }[] }[]
      }
      const shown = services[0].upstreams
      return shown.every((upstream) => upstream.check !== null) ? shown : undefined
    })
    return Object.fromEntries(
      found.map(({ name, check }) => [
        name,
        check?.result === 'up' ? 'up' : `${check?.reason.replace(/^.*?\/\S*: /, '')}`,
      ]),
    )
  } finally {
    await daemon.stop()
  }
}

describe('checks of nginx', { skip: missingTool('nginx') }, () => {
  let nginx: RealPeer
  let plain: Address
  let proxied: Address

  before(async () => {
    plain = await freeAddress()
    proxied = await freeAddress()
    nginx = await RealPeer.nginx(
      `http { @TEMP@ access_log off;
        server {
          listen ${plain.text};
          location = /good { return 200 "all is well\\n"; }
          location = /bad { return 503; }
          location = /moved { return 301 /good; }
        }
        server {
          listen ${proxied.text} proxy_protocol;
          location / { return 200 "from $proxy_protocol_addr to $proxy_protocol_server_addr:$proxy_protocol_server_port"; }
        } }`,
      [plain, proxied],
    )
  })
  after(() => nginx?.stop())

  it('statuses: a redirect and a missing page are no 5xx, a 503 is', async () => {
    const of = (path: string): TestUpstream => ({
      name: path.slice(1),
      address: `127.0.0.${path.length}:${plain.port}`,
      check: { url: `http://${plain.text}${path}` },
    })
    assert.deepEqual(await verdicts({}, [of('/good'), of('/bad'), of('/moved'), of('/missing')]), {
      good: 'up',
      bad: 'HTTP 503, expected 100-499',
      moved: 'up',
      missing: 'up',
    })
  })

  it('sendProxy v1 says who really asks, and to whom', async () => {
    const expectBody = `from 127.0.0.1 to 127.0.0.1:${proxied.port}`
    assert.deepEqual(await verdicts({ sendProxy: 'v1', expectBody }, [{ name: 'nginx', address: proxied.text }]), {
      nginx: 'up',
    })
  })

  it('sendProxy v2 says LOCAL, and nginx takes it', async () => {
    assert.deepEqual(
      await verdicts({ sendProxy: 'v2', expectBody: 'from ' }, [{ name: 'nginx', address: proxied.text }]),
      {
        nginx: 'up',
      },
    )
  })

  it('without sendProxy a server that demands it is down', async () => {
    const { nginx: reason } = await verdicts({}, [{ name: 'nginx', address: proxied.text }])
    assert.notEqual(reason, 'up')
  })

  it('a connect check that sends PROXY leaves no error in the log of nginx', async () => {
    const before = nginx.output.length
    for (const sendProxy of ['v1', 'v2']) {
      assert.deepEqual(await verdicts({ type: 'tcp', sendProxy }, [{ name: 'nginx', address: proxied.text }]), {
        nginx: 'up',
      })
    }
    assert.doesNotMatch(nginx.output.slice(before), /broken header|PROXY/)
  })
})

describe('checks of HAProxy', { skip: missingTool('haproxy') }, () => {
  let haproxy: RealPeer
  let at: Address

  before(async () => {
    at = await freeAddress()
    haproxy = await RealPeer.haproxy(
      `frontend in
 mode http
 bind ${at.text} accept-proxy
 http-request return status 200 content-type text/plain lf-string "src %[src]"`,
      [at],
    )
  })
  after(() => haproxy?.stop())

  for (const sendProxy of ['v1', 'v2']) {
    it(`sendProxy ${sendProxy}: HAProxy takes it and answers`, async () => {
      const check = { sendProxy, expectBody: 'src 127.0.0.1' }
      assert.deepEqual(await verdicts(check, [{ name: 'haproxy', address: at.text }]), { haproxy: 'up' })
    })
  }

  it('the server goes and comes back: both are in the log', async () => {
    const place = await freeAddress()
    const config = `frontend in\n mode http\n bind ${place.text}\n http-request return status 200`
    const first = await RealPeer.haproxy(config, [place])
    const daemon = await Daemon.start({
      engine,
      services: [{ upstreams: [{ name: 'haproxy', address: place.text }], check: SOON }],
    })
    const said = (event: string): Promise<LogLine> => daemon.waitForLine(event, (line) => line.event === event)
    await daemon.waitForMetric('tidegate_upstream_up', {}, 1)
    await first.stop()
    assert.match(String((await said('upstream-down'))['reason']), /refused|reset/)
    const second = await RealPeer.haproxy(config, [place])
    await said('upstream-up')
    await daemon.stop()
    await second.stop()
  })
})

describe('checks by HTTPS', { skip: missingTool('openssl') }, () => {
  const folder = temporaryFolder()
  const servers: HealthServer[] = []
  let authority: Authority
  let foreign: Authority

  before(() => {
    authority = makeAuthority(folder, 'authority')
    foreign = makeAuthority(folder, 'foreign')
  })
  afterEach(() => {
    for (const server of servers.splice(0)) server.close()
  })

  async function upstream(name: string, tls: Certificate): Promise<TestUpstream> {
    const server = await HealthServer.listen(undefined, { tls })
    servers.push(server)
    return { name, address: server.address.text }
  }

  it('a good certificate is up; expired, foreign, self-signed and misnamed ones are down with their reason', async () => {
    const names = 'IP:127.0.0.1'
    const plain = await HealthServer.listen()
    servers.push(plain)
    const found = await verdicts({ url: 'https://{address}/', tls: { ca: authority.file } }, [
      await upstream('good', makeCertificate(folder, 'good', { names, by: authority })),
      await upstream('expired', makeCertificate(folder, 'expired', { names, by: authority, isExpired: true })),
      await upstream('foreign', makeCertificate(folder, 'other', { names, by: foreign })),
      await upstream('selfSigned', makeCertificate(folder, 'own', { names })),
      await upstream('misnamed', makeCertificate(folder, 'misnamed', { names: 'DNS:a.example', by: authority })),
      { name: 'plain', address: plain.address.text },
    ])
    assert.deepEqual(found, {
      good: 'up',
      expired: 'its certificate has expired',
      foreign: 'its certificate is signed by an authority that is not trusted here',
      selfSigned: 'its certificate is self-signed, by no authority that is trusted here',
      misnamed: 'its certificate is for DNS:a.example, not for 127.0.0.1',
      plain: 'it does not speak TLS',
    })
  })

  it('serverName is what the certificate must be for, and verify: false takes any', async () => {
    const named = makeCertificate(folder, 'named', { names: 'DNS:www.example.com', by: authority })
    const url = 'https://{address}/'
    const tls = { ca: authority.file, serverName: 'www.example.com' }
    assert.deepEqual(await verdicts({ url, tls }, [await upstream('named', named)]), { named: 'up' })
    const expired = makeCertificate(folder, 'old', { names: 'DNS:a.example', isExpired: true })
    assert.deepEqual(await verdicts({ url, tls: { verify: false } }, [await upstream('any', expired)]), { any: 'up' })
  })

  it('check --online asks each once: what fails is a warning, and the exit code is 0', async () => {
    const names = 'IP:127.0.0.1'
    const upstreams = [
      await upstream('good', makeCertificate(folder, 'good-2', { names, by: authority })),
      await upstream('bad', makeCertificate(folder, 'bad-2', { names })),
    ]
    const check = { url: 'https://{address}/health', tls: { ca: authority.file } }
    const file = writeConfig(temporaryFolder(), {
      services: [{ upstreams: [...upstreams], check }],
    })
    const text = await runTidegate(['check', '-c', file, '--online'])
    assert.equal(text.code, 0)
    assert.match(
      text.output,
      /^web: upstream good would be up \([\d.]+ ms\): GET https:\/\/127\.0\.0\.1:\d+\/health: HTTP 200$/m,
    )
    assert.match(text.output, /^warning: web: upstream bad would be down .*its certificate is self-signed/m)
    const json = await runTidegate(['check', '-c', file, '--online', '--json'])
    assert.equal(json.code, 0)
    const { ok, checks } = JSON.parse(json.output) as { ok: boolean; checks: { upstream: string; isGood: boolean }[] }
    assert.equal(ok, true)
    assert.deepEqual(
      checks.map(({ upstream, isGood }) => [upstream, isGood]),
      [
        ['good', true],
        ['bad', false],
      ],
    )
    assert.equal(servers[0].asked.length, 2)
  })

  it('a file of authorities that cannot be used is a mistake of the configuration', async () => {
    const empty = join(folder, 'empty.pem')
    writeFileSync(empty, 'no certificate\n')
    const check = { url: 'https://{address}/', tls: { ca: empty } }
    const file = writeConfig(temporaryFolder(), { services: [{ upstreams: ['127.0.0.1:1'], check }] })
    const { code, output } = await runTidegate(['check', '-c', file, '--online'])
    assert.equal(code, 2)
    assert.match(
      output,
      /check\.tls\.ca: ".*empty\.pem" has no certificate in it; expected PEM \[E_CONFIG_CERTIFICATE\]/,
    )
  })
})
