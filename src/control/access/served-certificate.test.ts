import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { capturedLog } from '../../../test/harness/captured-log.ts'
import { type Certificate, makeCertificate } from '../../../test/harness/certificates.ts'
import { type AdminCertificate, readCertificate } from './admin-certificate.ts'
import { ServedCertificate } from './served-certificate.ts'

describe('the certificate that is served', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tidegate-served-'))
  after(() => rmSync(folder, { recursive: true }))
  const tls = { certificate: join(folder, 'own.pem'), key: join(folder, 'own.key') }
  const put = ({ cert, key }: Certificate): void => {
    writeFileSync(tls.certificate, cert)
    writeFileSync(tls.key, key)
  }
  const [first, second] = ['first', 'second'].map((name) => makeCertificate(folder, name, { names: `DNS:${name}` }))

  async function served(take: (one: AdminCertificate) => void = () => {}) {
    put(first)
    const { log, records } = capturedLog()
    const certificate = new ServedCertificate(log)
    certificate.begin(await readCertificate(tls), take)
    return { certificate, events: () => records().map(({ event }) => event) }
  }

  test('a renewed one is taken in once, and its end is the one that is told of', async () => {
    const taken: string[] = []
    const { certificate, events } = await served(({ names }) => taken.push(...names))
    await certificate.renew({ tls })
    assert.deepEqual([taken, events()], [[], []], 'the same files')
    put(second)
    await certificate.renew({ tls })
    await certificate.renew({ tls })
    assert.deepEqual([taken, events()], [['second'], ['admin-certificate']])
    assert.equal(certificate.ends()[0].notAfterMs, (await readCertificate(tls)).notAfterMs)
  })

  test('what can not be used leaves the one before, says so, and is looked at again', async () => {
    const taken: string[] = []
    const { certificate, events } = await served(({ names }) => taken.push(...names))
    const bad: Certificate[] = [
      { cert: '', key: second.key },
      { cert: second.cert, key: first.key },
      { cert: second.cert.slice(0, -100), key: second.key },
      // What leads to the authority is cut off.
      { cert: second.cert + first.cert.slice(0, -100), key: second.key },
    ]
    for (const one of bad) {
      put(one)
      await certificate.renew({ tls })
    }
    rmSync(tls.key)
    await certificate.renew({ tls })
    assert.deepEqual([taken, events()], [[], Array.from({ length: 5 }, () => 'admin-certificate-not-read')])
    put(second)
    await certificate.renew({ tls })
    assert.deepEqual(taken, ['second'])
  })

  test('one that the server does not take is not called served', async () => {
    const { certificate, events } = await served(() => {
      throw new Error('no')
    })
    const before = certificate.ends()
    put(second)
    await certificate.renew({ tls })
    assert.deepEqual([certificate.ends(), events()], [before, ['admin-certificate-not-read']])
  })

  test('without one, and with one of our own making, there is nothing to renew', async () => {
    const { log, records } = capturedLog()
    const none = new ServedCertificate(log)
    await none.renew({ tls })
    const { certificate, events } = await served(() => assert.fail('not asked for'))
    await certificate.renew({ tls: undefined })
    assert.deepEqual([none.ends(), records(), events()], [[], [], []])
  })
})
