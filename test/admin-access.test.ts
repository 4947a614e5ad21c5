/** The admin API of a real daemon: the first start, users over a restart, TLS, and who has lost every password. */
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { request as requestPlain } from 'node:http'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, describe, it } from 'node:test'
import { connect } from 'node:tls'
import { makeCertificate } from './harness/certificates.ts'
import { Daemon } from './harness/daemon.ts'
import { waitFor } from './harness/deadline.ts'
import { answerOf, TIDEGATE } from './harness/started-program.ts'

const SERVICES = [{ name: 'web', upstreams: ['127.0.0.1:9'] }]
const PASSWORD = 'correct horse battery'

describe('access to the admin API of a daemon', { timeout: 240_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'tidegate-access-'))
  const stateDir = join(folder, 'state')
  let daemon: Daemon
  const pids = new Set<number>()
  afterEach(async () => {
    daemon.kill()
    for (const pid of pids) if (isRunning(pid)) process.kill(pid, 'SIGKILL')
    pids.clear()
    await daemon.exited
    rmSync(stateDir, { recursive: true, force: true })
  })
  after(() => rmSync(folder, { recursive: true }))

  const start = async (admin: Record<string, unknown> = {}): Promise<void> => {
    daemon = await Daemon.start({ engine: 'node', admin: { stateDir, ...admin }, services: SERVICES })
  }
  const said = (event: string) => daemon.lines.find((line) => line.event === event)
  const tidegate = (args: readonly string[], env: NodeJS.ProcessEnv = {}) =>
    answerOf(process.execPath, [TIDEGATE, ...args], {
      env: { ...process.env, TIDEGATE_ADMIN: daemon.adminAddress.text.replace('0.0.0.0', '127.0.0.1'), ...env },
    })
  /** What it says when it succeeds; else the test says why it did not. */
  const done = async (args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> => {
    const { code, stdout, stderr } = await tidegate(args, env)
    assert.equal(code, 0, `tidegate ${args.join(' ')}: ${stderr}`)
    return stdout
  }

  interface Answer {
    readonly status: number
    readonly cookie: string
    readonly text: string
  }

  function post(path: string, body: unknown, isOverTls = false): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>()
    const { port } = daemon.adminAddress
    const options = { host: '127.0.0.1', port, path, method: 'POST', agent: false, rejectUnauthorized: false }
    const headers = { 'content-type': 'application/json' }
    const call = (isOverTls ? request : requestPlain)({ ...options, headers }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (piece: string) => (text += piece))
      const cookie = response.headers['set-cookie']?.[0] ?? ''
      response.on('end', () => resolve({ status: response.statusCode ?? 0, cookie, text }))
    })
    call.on('error', reject)
    call.end(JSON.stringify(body))
    return promise
  }

  it('the first start says a link, whose secret is nowhere else; the user it makes is there after a restart', async () => {
    await start()
    const link = String(said('setup-link')?.['link'])
    const [, secret] = /^http:\/\/127\.0\.0\.1:\d+\/#\/setup\/([\w-]{43})$/.exec(link)!
    const made = await post('/api/v1/setup', { secret, name: 'ann', password: PASSWORD })
    assert.equal(made.status, 200, made.text)
    assert.match(made.cookie, /^tidegate=/)
    assert.equal((await post('/api/v1/setup', { secret, name: 'eve', password: PASSWORD })).status, 401)
    const late = await tidegate(['setup-link'])
    assert.deepEqual([late.code, /There is a user already/.test(late.stderr)], [1, true])
    const files = ['tidegate.db', 'tidegate.db-wal'].map((file) => readIfThere(join(stateDir, file))).join('')
    assert.ok(files.includes('ann') && files.includes('$argon2id$v=19$m=19456,t=2,p=1$'))
    assert.ok(!files.includes(secret) && !files.includes(made.cookie.slice(9, 52)) && !files.includes(PASSWORD))
    daemon.signal('SIGTERM')
    assert.equal((await daemon.exited).code, 0)

    await start()
    assert.equal(said('setup-link'), undefined)
    assert.equal((await post('/api/v1/session', { name: 'ann', password: PASSWORD })).status, 200)
    const { body } = await daemon.get('/api/v1/audit')
    const entries = JSON.parse(body).entries as { action: string; who: string; result: string }[]
    assert.deepEqual(
      entries.filter(({ who }) => who === 'ann').map(({ action, result }) => `${action} ${result}`),
      ['login done', 'setup done'],
    )
  })

  it('who has lost every password gets in again by the command line; failed logins are one line', async () => {
    await start()
    const added = await done(['users', 'add', 'ann', '--role', 'admin', '--json'])
    const first = JSON.parse(added).password as string
    assert.equal((await post('/api/v1/session', { name: 'ann', password: first })).status, 200)
    const [, second] = /not shown again: (\S+)\n/.exec(await done(['users', 'password', 'ann']))!
    assert.equal((await post('/api/v1/session', { name: 'ann', password: first })).status, 401)
    assert.equal((await post('/api/v1/session', { name: 'ann', password: second })).status, 200)
    for (const args of [
      ['users', 'role', 'ann', 'viewer'],
      ['users', 'disable', 'ann'],
      ['users', 'remove', 'ann'],
    ]) {
      const { code, stderr } = await tidegate(args)
      assert.deepEqual([code, /ann is the last admin/.test(stderr)], [1, true])
    }
    const made = await done(['tokens', 'add', 'deploy', '--role', 'operator', '--service', 'web', '--ttl', '30d'])
    const token = { TIDEGATE_TOKEN: made.trim() }
    assert.match((await tidegate(['status'], token)).stderr, /token deploy is only for web/)
    await done(['upstreams', 'drain', 'web', '127.0.0.1:9'], token)
    assert.match(await done(['tokens']), /deploy {2}operator {2}web/)
    await done(['tokens', 'remove', 'deploy'])
    assert.match((await tidegate(['status'], token)).stderr, /token is not known/)
    daemon.signal('SIGTERM')
    assert.equal((await daemon.exited).code, 0)
    const audited = daemon.lines.filter(({ action }) => action === 'login.failed')
    assert.deepEqual(
      audited.map(({ from, details }) => [from, details]),
      [['127.0.0.1', '1 failed, as ann']],
    )
  })

  it('beyond loopback it speaks TLS with a certificate of its own, which an upgrade keeps', async () => {
    await start({ listen: '0.0.0.0:0' })
    const { fingerprint } = said('admin-certificate')!
    assert.equal(said('admin-exposed'), undefined)
    assert.match(String(said('setup-link')?.['link']), /^https:\/\//)
    assert.equal(statSync(join(stateDir, 'admin-key.pem')).mode & 0o777, 0o600)
    const certificate = new X509Certificate(readFileSync(join(stateDir, 'admin-certificate.pem')))
    assert.equal(certificate.fingerprint256, fingerprint)
    assert.equal(certificate.publicKey.asymmetricKeyDetails?.namedCurve, 'prime256v1')
    assert.ok(
      certificate.checkIP('127.0.0.1') && certificate.checkHost('localhost') && certificate.checkHost(hostname()),
    )

    await done(['status', '--once'])
    await done(['users', 'add', 'ann', '--role', 'admin', '--password-file', passwordFile()])
    const { cookie } = await post('/api/v1/session', { name: 'ann', password: PASSWORD }, true)
    assert.match(cookie, /^__Host-tidegate=[\w-]{43}; Path=\/; Max-Age=\d+; HttpOnly; SameSite=Strict; Secure$/)

    process.kill(daemon.pid, 'SIGUSR2')
    await waitFor('the upgrade', () => said('upgraded') !== undefined)
    pids.add(Number(said('upgraded')?.['pid']))
    await done(['status', '--once'], { TIDEGATE_FINGERPRINT: String(fingerprint) })
    // The session of before holds on.
    const headers = { cookie: cookie.split(';', 1)[0] }
    const { promise, resolve } = Promise.withResolvers<number>()
    const { port } = daemon.adminAddress
    const options = { host: '127.0.0.1', port, path: '/api/v1/users', headers, rejectUnauthorized: false, agent: false }
    request(options, (response) => resolve(response.resume().statusCode ?? 0)).end()
    assert.equal(await promise, 200)
  })

  it('a command sends nothing to a daemon whose certificate it does not know', async () => {
    const files = makeCertificate(folder, 'gate', { names: 'DNS:gate.example,IP:127.0.0.1' })
    writeFileSync(join(folder, 'own.pem'), files.cert)
    writeFileSync(join(folder, 'own.key'), files.key)
    const tls = { certificate: join(folder, 'own.pem'), key: join(folder, 'own.key') }
    await start({ tls })
    const { fingerprint256 } = new X509Certificate(files.cert)
    assert.equal(said('admin-certificate')?.['fingerprint'], fingerprint256)
    // On this machine whose socket it is says enough.
    await done(['status', '--once'])
    // By another name of this machine the certificate has to.
    const { port } = daemon.adminAddress
    const other = ['--token-file', join(stateDir, 'admin-token')]
    const admin = { TIDEGATE_ADMIN: `https://127.1.2.3:${port}` }
    assert.match((await tidegate([...other, 'status', '--once'], admin)).stderr, /ECONNREFUSED|vouches/)
    const wrong = await tidegate([...other, '--fingerprint', fingerprint256.replace(/^../, '00'), 'status', '--once'])
    assert.deepEqual([wrong.code, /another fingerprint/.test(wrong.stderr)], [1, true])
    await done([...other, '--fingerprint', fingerprint256.toLowerCase().replaceAll(':', ''), 'status'])
    const none = await tidegate([...other, '--fingerprint', 'abc', 'status'])
    assert.match(none.stderr, /no SHA-256 fingerprint/)
  })

  it('a renewed certificate is taken in by a reload; one that can not be used leaves the one before, and says so', async () => {
    const tls = { certificate: join(folder, 'renewed.pem'), key: join(folder, 'renewed.key') }
    const put = (name: string): string => {
      const { cert, key } = makeCertificate(folder, name, { names: 'IP:127.0.0.1' })
      writeFileSync(tls.certificate, cert)
      writeFileSync(tls.key, key)
      return new X509Certificate(cert).fingerprint256
    }
    const before = put('before')
    await start({ tls })
    assert.equal(await servedFingerprint(), before)
    const renewed = put('renewed')
    daemon.signal('SIGHUP')
    await waitFor('the new certificate', () => daemon.lines.some(({ fingerprint }) => fingerprint === renewed))
    assert.equal(await servedFingerprint(), renewed)

    writeFileSync(tls.certificate, 'half of a certificate')
    const { code, stderr } = await tidegate(['reload'])
    assert.deepEqual([code, /admin\.tls\.certificate: .* is not a certificate as PEM/.test(stderr)], [2, true], stderr)
    assert.equal(said('reload-failed')?.['why'], 'wrong-config')
    assert.equal(await servedFingerprint(), renewed)
  })

  function servedFingerprint(): Promise<string | undefined> {
    const { promise, resolve, reject } = Promise.withResolvers<string | undefined>()
    const { port } = daemon.adminAddress
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
      resolve(socket.getPeerX509Certificate()?.fingerprint256)
      socket.destroy()
    })
    socket.on('error', reject)
    return promise
  }

  it('plain HTTP beyond loopback only where the configuration says so', async () => {
    await start({ listen: '0.0.0.0:0', plainHttp: true })
    assert.ok(said('admin-exposed'))
    assert.equal(said('admin-certificate'), undefined)
    await done(['status', '--once'])
  })

  function passwordFile(): string {
    const path = join(folder, 'password')
    writeFileSync(path, `${PASSWORD}\n`)
    return path
  }
})

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
