import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { NameServer, type Zone } from '../../../../test/harness/name-server.ts'
import { probeDns, type ProbeDnsOptions } from './probe-dns.ts'
import { parseSpf } from './spf.ts'

const OURS = ['192.0.2.1', '2001:db8::1']
const UPSTREAM = '203.0.113.10'

describe('probe dns', { concurrency: true }, () => {
  const servers: NameServer[] = []
  after(() => {
    for (const server of servers) server.close()
  })

  async function start(zone: Zone): Promise<NameServer> {
    const server = await NameServer.start(zone)
    servers.push(server)
    return server
  }

  async function probe(zone: Zone, options: Partial<ProbeDnsOptions> = {}, domain = 'shop.example') {
    const server = await start(zone)
    return probeDns(domain, {
      addresses: OURS,
      upstreams: [UPSTREAM],
      servers: [server.address],
      asksAuthority: false,
      timeoutMs: 200,
      ...options,
    })
  }

  test('a domain that leads to the service', async () => {
    const found = await probe({ 'shop.example': { A: ['192.0.2.1'], AAAA: ['2001:db8::1'], ttl: 120 } })
    assert.deepEqual(
      [found.pointsTo, found.strangers, found.ttlS, found.oldGoneInS, found.leaks, found.problems],
      ['service', [], 120, undefined, [], []],
    )
  })

  test('IPv6 clients that would go elsewhere', async () => {
    const found = await probe({ 'shop.example': { A: ['192.0.2.1'], AAAA: ['2001:db8:bad::1'], ttl: 77 } })
    assert.deepEqual([found.pointsTo, found.strangers, found.oldGoneInS], ['partly', ['2001:db8:bad::1'], 77])
  })

  test('a domain that leads to the upstream itself', async () => {
    const found = await probe({ 'shop.example': { A: [UPSTREAM] } })
    assert.deepEqual([found.pointsTo, found.upstreamsShown], ['elsewhere', [UPSTREAM]])
    assert.deepEqual(found.leaks, [])
  })

  test('an upstream by a name that only its own network knows is not looked up', async () => {
    const found = await probe({ 'shop.example': { A: ['192.0.2.1'] } }, { upstreams: ['app', 'localhost'] })
    assert.deepEqual([found.pointsTo, found.namedUpstreams], ['service', []])
  })

  test('an alias is followed, and a circle ends', async () => {
    const found = await probe({
      'shop.example': { CNAME: ['edge.example'] },
      'edge.example': { CNAME: ['node.example'] },
      'node.example': { A: ['192.0.2.1'] },
    })
    assert.deepEqual([found.pointsTo, found.chain], ['service', ['shop.example', 'edge.example', 'node.example']])
    const circle = await probe({ 'shop.example': { CNAME: ['b.example'] }, 'b.example': { CNAME: ['shop.example'] } })
    assert.deepEqual(circle.chain, ['shop.example', 'b.example', 'shop.example'])
    assert.notEqual(circle.pointsTo, 'service')
  })

  test('no name, no answer, a broken server', async () => {
    assert.equal((await probe({})).pointsTo, 'nowhere')
    const server = await start({ 'shop.example': { A: ['192.0.2.1'] } })
    const options = { addresses: OURS, servers: [server.address], asksAuthority: false, timeoutMs: 50 }
    server.silent = ['shop.example']
    const silent = await probeDns('shop.example', options)
    assert.deepEqual([silent.pointsTo, silent.sights[0].problem], ['unknown', 'no answer in time'])
    server.silent = []
    server.broken = ['shop.example', 'mail.shop.example']
    const broken = await probeDns('shop.example', options)
    assert.deepEqual([broken.pointsTo, broken.sights[0].problem], ['unknown', 'the server failed (SERVFAIL)'])
    assert.ok(broken.problems.includes('mail.shop.example: the server failed (SERVFAIL)'))
  })

  test('old answers run out: the authority has changed, a resolver has not', async () => {
    const authority = await start({ 'shop.example': { A: ['192.0.2.1'], ttl: 3600 } })
    const resolver = await start({
      'shop.example': { A: ['198.51.100.9'], NS: ['ns1.example'], ttl: 412 },
      'ns1.example': { A: ['127.0.0.1'] },
    })
    const found = await probeDns('shop.example', {
      addresses: OURS,
      servers: [resolver.address],
      authorityPort: authority.port,
      timeoutMs: 200,
    })
    assert.deepEqual(
      [found.pointsTo, found.isRunningOut, found.oldGoneInS, found.ttlS, found.sights.length],
      ['partly', true, 412, 3600, 2],
    )
    assert.equal(found.sights[1].server, 'ns1.example (127.0.0.1)')
  })

  test('several resolvers are asked each for itself; one that is dead does not hide the others', async () => {
    const [good, old] = [
      await start({ 'shop.example': { A: ['192.0.2.1'] } }),
      await start({ 'shop.example': { A: [UPSTREAM], ttl: 9 } }),
    ]
    const dead = await start({})
    dead.silent = ['shop.example']
    const found = await probe({}, { servers: [good.address, old.address, dead.address], timeoutMs: 50 })
    assert.deepEqual([found.pointsTo, found.oldGoneInS], ['partly', 9])
    assert.equal(found.sights[2].problem, 'no answer in time')
  })

  test('records that give the upstream away', async () => {
    const found = await probe(
      {
        'shop.example': {
          A: ['192.0.2.1'],
          MX: ['mx.shop.example'],
          TXT: [
            'v=spf1 ip4:203.0.113.10 ip4:203.0.113.0/24 a:relay.example include:spf.example -all',
            `server=${UPSTREAM};`,
            'nothing to see',
          ],
        },
        'mx.shop.example': { A: [UPSTREAM] },
        'relay.example': { A: ['203.0.113.77'] },
        'spf.example': { TXT: ['v=spf1 include:spf.example mx:mail.example ?all'] },
        'mail.example': { MX: ['mx.shop.example'] },
        'direct.shop.example': { A: [UPSTREAM] },
        'old.shop.example': { A: ['203.0.113.200'] },
        'www.shop.example': { A: ['192.0.2.1'] },
      },
      { subdomains: ['old.shop.example'] },
    )
    assert.deepEqual(
      found.leaks.map(({ name, type, found, closeness }) => `${closeness} ${type} ${name} ${found}`).sort(),
      [
        'address A direct.shop.example 203.0.113.10',
        'address MX shop.example 203.0.113.10',
        'address SPF shop.example 203.0.113.10',
        'address TXT shop.example 203.0.113.10',
        'network A old.shop.example 203.0.113.200',
        'network SPF shop.example 203.0.113.0/24',
        'network SPF shop.example 203.0.113.77',
      ],
    )
    assert.equal(found.leaks[0].closeness, 'address')
    assert.deepEqual(found.problems, ['SPF of shop.example: more than 10 records in each other'])
  })

  test('an upstream that is configured by a public name', async () => {
    const zone = { 'shop.example': { A: ['192.0.2.1'] }, 'app.example': { A: [UPSTREAM] } }
    const found = await probe(zone, { upstreams: ['app.example', 'intern.example'] })
    assert.deepEqual(found.namedUpstreams, ['app.example'])
  })

  test('the number of questions is bounded', async () => {
    const server = await start({ 'shop.example': { A: ['192.0.2.1'] } })
    const subdomains = Array.from({ length: 500 }, (_, i) => `s${i}.shop.example`)
    const options = { addresses: OURS, servers: [server.address], asksAuthority: false, subdomains }
    const found = await probeDns('shop.example', options)
    assert.ok(server.asked.length <= 200, `${server.asked.length}`)
    assert.ok(found.problems.some((problem) => problem.endsWith('too many questions for one probe')))
  })

  for (const [text, message] of [
    ['192.0.2.1', /is an address/],
    ['localhost', /has no dot/],
    ['bücher.example', /xn--bcher-kva\.example/],
    ['a b.example', /which no hostname has/],
  ] as const) {
    test(`refused: ${text}`, () => assert.rejects(probeDns(text, { addresses: OURS }), message))
  }

  test('refused: what is no address or server', async () => {
    await assert.rejects(probeDns('a.example', { addresses: ['x'] }), /is no IP address/)
    await assert.rejects(probeDns('a.example', { addresses: OURS, servers: ['dns.example'] }), /expected an IP address/)
    await assert.rejects(probeDns('a.example', { addresses: OURS, servers: ['127.0.0.1:99999'] }), /expected an IP/)
  })
})

test('SPF terms', () => {
  const terms = parseSpf(
    'V=SPF1 +a a/24 ~a:x.example/28 mx mx:y.example -ip6:2001:db8::/32 ip4:bad exists:%{i}.z redirect=r.example',
  )
  assert.deepEqual(terms?.hosts, ['', '', 'x.example'])
  assert.deepEqual(terms?.mailOf, ['', 'y.example'])
  assert.deepEqual(terms?.includes, ['r.example'])
  assert.deepEqual(
    terms?.networks.map(({ text }) => text),
    ['2001:db8::/32'],
  )
  assert.equal(parseSpf('v=spf10 a'), undefined)
  assert.equal(parseSpf(''), undefined)
})
