import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { describe, test } from 'node:test'
import { requireOwnHost, requireOwnOrigin } from './guard.ts'
import { ApiProblem } from './problem.ts'

function refusal(method: string, headers: Record<string, string>, hosts: string[] = []): ApiProblem | undefined {
  const request = { method, headers } as unknown as IncomingMessage
  try {
    requireOwnHost(request, hosts, 'Gate-1')
    requireOwnOrigin(request)
    return undefined
  } catch (error) {
    assert.ok(error instanceof ApiProblem)
    return error
  }
}

function statusOf(...request: Parameters<typeof refusal>): number | undefined {
  return refusal(...request)?.status
}

describe('the guard against web pages', () => {
  test('lets through who asks by IP address, by localhost or by the name of the machine', () => {
    const own = [
      '127.0.0.1:9900',
      '127.0.0.1',
      '[::1]:9900',
      '[2001:db8::1]',
      'localhost:9900',
      'LOCALHOST',
      'gate-1:9900',
    ]
    for (const host of own) {
      assert.equal(statusOf('GET', { host }), undefined, host)
      assert.equal(statusOf('POST', { host }), undefined, host)
    }
    assert.equal(statusOf('GET', {}), undefined, 'HTTP/1.0 has no Host, and browsers always send one')
  })

  test('refuses names that somebody else may have made to lead here, on every method', () => {
    const others = [
      'evil.example',
      'evil.example:9900',
      'localhost.evil.example',
      '127.0.0.1.evil.example:80',
      'gate-1.evil',
    ]
    const broken = [
      '',
      ':9900',
      '[::1',
      '::1',
      '127.0.0.1:9900:9900',
      '0x7f.1',
      '2130706433',
      '[fe80::1%25lo]',
      'localhost.',
    ]
    for (const host of [...others, ...broken]) {
      for (const method of ['GET', 'HEAD', 'POST', 'OPTIONS']) assert.equal(statusOf(method, { host }), 403, host)
    }
  })

  test('lets through who asks by a name that the configuration gives, and by no name around it', () => {
    const hosts = ['gate.example', 'monitoring_gate']
    for (const host of ['gate.example', 'gate.example:9900', 'GATE.Example', 'monitoring_gate:9900']) {
      for (const method of ['GET', 'POST']) assert.equal(statusOf(method, { host }, hosts), undefined, host)
    }
    for (const host of ['example', 'a.gate.example', 'gate.example.evil', 'gate.example.', 'xgate.example']) {
      assert.equal(statusOf('GET', { host }, hosts), 403, host)
    }
    const origin = 'http://gate.example:9900'
    assert.equal(statusOf('POST', { host: 'gate.example:9900', origin }, hosts), 403, 'a page stays a page')
  })

  test('says which key to set, for which name', () => {
    const { message } = refusal('GET', { host: 'gate.example:9900' })!
    assert.match(message, /"gate\.example:9900".*put it into admin\.hosts/)
    assert.ok(refusal('GET', { host: 'a'.repeat(5000) })!.message.length < 600)
  })

  test('refuses what a page of any site wants to change, its own address included', () => {
    for (const origin of ['https://evil.example', 'http://127.0.0.1:9900', 'null', '']) {
      for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
        assert.equal(statusOf(method, { host: '127.0.0.1:9900', origin }), 403, `${method} ${origin}`)
      }
      assert.equal(statusOf('GET', { host: '127.0.0.1:9900', origin }), undefined)
    }
  })
})
