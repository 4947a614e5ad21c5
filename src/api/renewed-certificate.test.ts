/** A certificate that is renewed while the admin API serves: who connects gets the new one, nobody is cut off. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { connect, type TLSSocket } from 'node:tls'
import { AdminForTest } from '../../test/harness/admin-for-test.ts'
import { makeCertificate } from '../../test/harness/certificates.ts'
import { type AdminCertificate, readCertificate } from '../control/access/admin-certificate.ts'

const folder = mkdtempSync(join(tmpdir(), 'tidegate-renewed-'))
after(() => rmSync(folder, { recursive: true }))

async function certificateOf(name: string): Promise<AdminCertificate> {
  const { cert, key } = makeCertificate(folder, name, { names: `DNS:${name}.example` })
  const files = { certificate: join(folder, `${name}.pem`), key: join(folder, `${name}.pem.key`) }
  writeFileSync(files.certificate, cert)
  writeFileSync(files.key, key)
  return await readCertificate(files)
}

async function meet(port: number, name: string): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port, servername: `${name}.example`, rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  return socket
}

/** The status that a request by that name gets. */
async function ask(socket: TLSSocket, name: string): Promise<number> {
  socket.write(`GET /healthz HTTP/1.1\r\nHost: ${name}.example\r\n\r\n`)
  const [bytes] = (await once(socket, 'data')) as [Buffer]
  return Number(bytes.toString('latin1').split(' ')[1])
}

test('who connects gets the renewed certificate, whose names are ours; who is connected stays', async (t) => {
  const [first, second] = await Promise.all([certificateOf('first'), certificateOf('second')])
  const admin = await AdminForTest.start({ tls: first })
  t.after(() => admin.close())
  const early = await meet(admin.port, 'first')
  assert.deepEqual(
    [early.getPeerX509Certificate()?.fingerprint256, await ask(early, 'first')],
    [first.fingerprint, 200],
  )
  assert.throws(() => admin.server.useCertificate({ ...second, certificate: 'nothing' }))
  const between = await meet(admin.port, 'first')
  assert.equal(between.getPeerX509Certificate()?.fingerprint256, first.fingerprint, 'a bad one changes nothing')

  admin.server.useCertificate(second)
  const late = await meet(admin.port, 'second')
  assert.deepEqual(
    [late.getPeerX509Certificate()?.fingerprint256, late.getProtocol(), await ask(late, 'second')],
    [second.fingerprint, 'TLSv1.3', 200],
  )
  assert.equal(await ask(early, 'second'), 200)
  assert.equal(await ask(between, 'first'), 403, 'a name of the old one is not ours any more')
})
