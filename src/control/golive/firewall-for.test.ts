import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseConfig } from '../config/load.ts'
import { FirewallError } from './firewall/plan.ts'
import { firewallFor } from './firewall-for.ts'

const config = parseConfig(
  JSON.stringify({
    services: [
      { name: 'web', listen: ['0.0.0.0:443'], mode: 'raw', upstreams: ['203.0.113.10:443', '203.0.113.11:8443'] },
      {
        name: 'mail',
        listen: ['0.0.0.0:25'],
        mode: 'raw',
        upstreams: ['203.0.113.12:25'],
        sourceAddresses: ['192.0.2.9'],
      },
      { name: 'here', listen: ['0.0.0.0:80'], mode: 'raw', upstreams: ['127.0.0.1:8080'] },
    ],
  }),
  'tidegate.yaml',
  {},
)

describe('a firewall for what is configured', () => {
  test('ports of all upstreams that are elsewhere, or of one service', () => {
    const all = firewallFor({ format: 'nftables', config, nodes: ['192.0.2.1'] })
    assert.deepEqual(
      all.plan.ports.map(({ first }) => first),
      [25, 443, 8443],
    )
    const one = firewallFor({ format: 'nftables', config, service: 'web', nodes: ['192.0.2.1'] })
    assert.deepEqual(
      one.plan.ports.map(({ first }) => first),
      [443, 8443],
    )
    const given = firewallFor({ format: 'nftables', config, ports: ['99'], nodes: ['192.0.2.1'] })
    assert.deepEqual(given.plan.ports, [{ first: 99, last: 99 }])
  })

  test('nodes are the addresses that the service connects from', () => {
    const { plan, warnings } = firewallFor({ format: 'nftables', config, service: 'mail' })
    assert.deepEqual(plan.allowed, { ipv4: ['192.0.2.9/32'], ipv6: [] })
    assert.ok(warnings.some((warning) => warning.includes('192.0.2.9')))
    assert.ok(warnings.some((warning) => warning.includes('IPv6')))
  })

  test('a service whose upstreams are all on this machine needs none', () => {
    assert.throws(
      () => firewallFor({ format: 'nftables', config, service: 'here', nodes: ['192.0.2.1'] }),
      (error) => error instanceof FirewallError && /no port to protect/.test(error.message),
    )
  })

  test('a service that is not there', () => {
    assert.throws(
      () => firewallFor({ format: 'nftables', config, service: 'wbe' }),
      /There is no service "wbe"; there is web, mail, here\./,
    )
  })

  test('private nodes are a warning, as NAT shows another address', () => {
    const nat = {
      ...config,
      services: [{ ...config.services[1], sourceAddresses: [{ family: 4, address: '10.0.0.1', port: 0 }] }],
    } as const
    assert.ok(firewallFor({ format: 'ufw', config: nat }).warnings.some((warning) => /NAT/.test(warning)))
  })
})
