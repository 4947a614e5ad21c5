import assert from 'node:assert/strict'
import { test } from 'node:test'
import { socketAddress } from '../../lib/ip.ts'
import { parseConfig } from '../config/load.ts'
import {
  actionText,
  certificateNameOf,
  checkPlan,
  type CheckPlan,
  destinationsOf,
  hostHeaderOf,
} from './check-target.ts'

function planFor(check: string, upstream = '203.0.113.10:443', more = ''): CheckPlan {
  const text = `services: [ { name: web, listen: [ "127.0.0.1:0" ], upstreams: [ "${upstream}" ], check: ${check} ${more} } ]`
  const [service] = parseConfig(text, 'tidegate.yaml', {}).services
  return checkPlan(service, service.upstreams[0])!
}

const TWO = [socketAddress('203.0.113.10', 443)!, socketAddress('2001:db8::10', 443)!]

for (const [name, check, upstream, wanted] of [
  [
    'nothing is said: GET / of the upstream, by HTTP',
    '{}',
    '203.0.113.10:8080',
    ['GET http://203.0.113.10:443/', 'GET http://[2001:db8::10]:443/', '203.0.113.10:8080'],
  ],
  [
    'a path',
    '{ url: "/health?a=b" }',
    'web.example:80',
    ['GET http://203.0.113.10:443/health?…', 'GET http://[2001:db8::10]:443/health?…', 'web.example'],
  ],
  [
    '{address} by HTTPS',
    '{ url: "https://{address}" }',
    'web.example:443',
    ['GET https://203.0.113.10:443/', 'GET https://[2001:db8::10]:443/', 'web.example'],
  ],
  [
    '{host} with a port of its own',
    '{ url: "http://{host}:9000/x" }',
    '[2001:db8::10]:443',
    ['GET http://203.0.113.10:9000/x', 'GET http://[2001:db8::10]:9000/x', '[2001:db8::10]:9000'],
  ],
  [
    '{host} with the port of the scheme',
    '{ url: "HTTPS://{host}?x" }',
    'web.example:8443',
    ['GET https://203.0.113.10:443/?…', 'GET https://[2001:db8::10]:443/?…', 'web.example'],
  ],
  [
    'elsewhere by name',
    '{ url: "https://status.example:8443/a/b" }',
    'web.example:443',
    ['GET https://status.example:8443/a/b', 'status.example:8443'],
  ],
  [
    'elsewhere by address',
    '{ url: "http://[2001:db8::99]/" }',
    'web.example:443',
    ['GET http://[2001:db8::99]:80/', '[2001:db8::99]'],
  ],
] as const) {
  test(`what is asked, and with which Host header: ${name}`, () => {
    const plan = planFor(check, upstream)
    const asked = destinationsOf(plan, TWO).map((destination) => actionText(plan, destination))
    assert.deepEqual([...asked, hostHeaderOf(plan)], wanted)
  })
}

test('a connect check connects to the upstream', () => {
  const plan = planFor('{ type: tcp }')
  assert.deepEqual(
    destinationsOf(plan, TWO).map((destination) => actionText(plan, destination)),
    ['connect to 203.0.113.10:443', 'connect to [2001:db8::10]:443'],
  )
})

test('the upstream is asked from the address that traffic to it comes from', () => {
  const plan = planFor('{}', 'web.example:443', ', sourceAddresses: [ "2001:db8::1", "192.0.2.1", "192.0.2.2" ]')
  assert.deepEqual(
    destinationsOf(plan, TWO).map((destination) => destination.kind === 'address' && destination.localAddress),
    ['192.0.2.1', '2001:db8::1'],
  )
})

test('the certificate is for serverName, else for the host of the URL, else for the upstream', () => {
  assert.equal(certificateNameOf(planFor('{ url: "https://{address}" }', 'web.example:443')), 'web.example')
  assert.equal(certificateNameOf(planFor('{ url: "https://{address}" }')), '203.0.113.10')
  assert.equal(certificateNameOf(planFor('{ url: "https://status.example/" }')), 'status.example')
  assert.equal(certificateNameOf(planFor('{ tls: { serverName: WWW.example } }')), 'www.example')
})
