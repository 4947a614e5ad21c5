import assert from 'node:assert/strict'
import { test } from 'node:test'
import { statusForTest } from '../../test/harness/status-for-test.ts'
import type { UpstreamStateAnswer } from '../api/contract.ts'
import { PLAIN } from './painter.ts'
import { changeText, upstreamsText, upstreamState } from './upstreams-table.ts'

function answer(changes: Partial<UpstreamStateAnswer> = {}): UpstreamStateAnswer {
  const [main] = statusForTest().services[0].upstreams
  const upstream = { ...main, wanted: 'drain' as const }
  return { service: 'web', from: 'up', stored: true, closes: false, usableLeft: 1, upstream, ...changes }
}

test('upstreams stand below their service, with what a person and what checks say of them', () => {
  const { services } = statusForTest()
  Object.assign(services[0].upstreams[0], { wanted: 'drain', found: 'up', weight: 100 })
  Object.assign(services[0].upstreams[1], { found: 'down', ejected: true })
  assert.equal(
    upstreamsText([services[0], { ...services[0], name: 'mail', upstreams: [] }], PLAIN),
    [
      'web',
      '  upstream  wanted  checks  ejected  open  weight  role     failed  addresses',
      '  main      drain   up      -        2     100     primary  1       203.0.113.10:443 203.0.113.11:443!',
      '  spare     up      down    yes      0     1       backup   3       203.0.113.20:443!',
      '',
      'mail',
      '  upstream  wanted  checks  ejected  open  weight  role  failed  addresses',
      '',
    ].join('\n'),
  )
})

test('one word says why an upstream gets no new clients: the person first, then checks, then failures', () => {
  const [main] = statusForTest().services[0].upstreams
  const all = { ...main, wanted: 'down', found: 'down', ejected: true, up: false } as const
  assert.equal(upstreamState(all), 'down')
  assert.equal(upstreamState({ ...all, wanted: 'up' }), 'check down')
  assert.equal(upstreamState({ ...all, wanted: 'up', found: 'up' }), 'ejected')
  assert.equal(upstreamState({ ...all, wanted: 'up', found: 'up', ejected: false }), 'failing')
  assert.equal(upstreamState(main), 'up')
})

test('a change is one line, with warnings where there is something to know', () => {
  assert.equal(changeText(answer(), PLAIN), 'main of web is drain now, it was up; 2 connections left open.\n')
  assert.equal(changeText(answer({ from: 'drain' }), PLAIN), 'main of web is drain already; 2 connections left open.\n')
  const upstream = { ...answer().upstream, wanted: 'down' as const, connectionsOpen: 1 }
  assert.equal(
    changeText(answer({ upstream, closes: true }), PLAIN),
    'main of web is down now, it was up; 1 connection being closed.\n',
  )
  const warned = changeText(answer({ usableLeft: 0, stored: false }), PLAIN).split('\n')
  assert.match(warned[1], /^Warning: no usable upstream is left in web/)
  assert.match(warned[2], /^Warning: this could not be stored/)
})

test('names from the other side cannot move the cursor', () => {
  assert.match(changeText(answer({ service: 'a\u001b[2Jb\n' }), PLAIN), /^main of a\?\[2Jb\? is drain/)
})
