import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, describe, test } from 'node:test'
import { makeAuthority, makeCertificate } from '../../../test/harness/certificates.ts'
import { SharedLookup } from '../check/shared-lookup.ts'
import { type Change, messageOf } from './message.ts'
import type { EmailConfig } from './notify-config.ts'
import { MailReceiver, type MailReceiverOptions } from './receiver-for-test.ts'
import { sendEmail } from './send-email.ts'

const { lookup } = new SharedLookup()
const NEVER = new AbortController().signal

function change(summary: string): Change {
  const rest = { service: 'web', upstream: 'a', values: {}, sinceMs: 0, untilMs: null, cameAndWent: 0 }
  return { kind: 'began', summary, ...rest }
}

describe('e-mail', { timeout: 60_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'tidegate-mail-'))
  const authority = makeAuthority(folder, 'authority')
  const ca = readFileSync(authority.file, 'utf8')
  const tls = makeCertificate(folder, 'server', { names: 'DNS:localhost,IP:127.0.0.1', by: authority })
  const open: MailReceiver[] = []
  after(() => rmSync(folder, { recursive: true }))
  afterEach(() => open.splice(0).forEach((receiver) => receiver.close()))

  async function listen(options: MailReceiverOptions = {}): Promise<MailReceiver> {
    const receiver = await MailReceiver.listen(options)
    open.push(receiver)
    return receiver
  }

  function configFor({ port }: MailReceiver, more: Partial<EmailConfig> = {}): EmailConfig {
    return {
      type: 'email',
      name: 'night',
      host: '127.0.0.1',
      port,
      security: 'off',
      user: undefined,
      password: undefined,
      from: 'tidegate@example.com',
      to: ['ops@example.com', 'chief@example.com'],
      caFile: undefined,
      ca: undefined,
      at: { file: '', line: 0, column: 0, key: '' },
      ...more,
    }
  }

  const send = (config: EmailConfig, text = 'Upstream a of service web is down: no answer', signal = NEVER) =>
    sendEmail(config, messageOf({ name: 'up', when: 'upstream' }, [change(text)], 0), lookup, signal)

  test('is plain text, to all recipients, from whom the configuration says', async () => {
    const receiver = await listen()
    await send(configFor(receiver))
    const [mail] = receiver.mails
    assert.match(mail.from, /^MAIL FROM:<tidegate@example\.com>/)
    assert.deepEqual(mail.to, ['RCPT TO:<ops@example.com>', 'RCPT TO:<chief@example.com>'])
    assert.match(mail.data, /^From: Tidegate <tidegate@example\.com>$/m)
    assert.match(mail.data, /^Subject: \[Tidegate .*\] Upstream a of service web is down/m)
    assert.match(mail.data, /^Auto-Submitted: auto-generated$/m)
    assert.match(mail.data, /^Content-Type: text\/plain; charset=utf-8$/m)
    assert.match(mail.data, /^Message-ID: <msg_[\w-]+@example\.com>$/m)
    assert.match(mail.data, /^ALARM Upstream a/m)
    assert.doesNotMatch(mail.data, /text\/html/)
  })

  test('with starttls nothing but EHLO goes in the clear, and the password only behind it', async () => {
    const receiver = await listen({ tls })
    await send(configFor(receiver, { security: 'starttls', ca, user: 'tidegate', password: 'hunter2' }))
    const [mail] = receiver.mails
    assert.deepEqual([mail.isEncrypted, mail.auth], [true, '\0tidegate\0hunter2'])
    const inTheClear = receiver.commands.filter(({ isEncrypted }) => !isEncrypted).map(({ line }) => line.slice(0, 4))
    assert.deepEqual(inTheClear, ['EHLO', 'STAR'])
  })

  test('with tls it is encrypted from the first byte', async () => {
    const receiver = await listen({ tls, isTlsFirst: true })
    await send(configFor(receiver, { security: 'tls', ca, user: 'tidegate', password: 'hunter2' }))
    assert.deepEqual([receiver.mails[0].isEncrypted, receiver.mails[0].auth], [true, '\0tidegate\0hunter2'])
  })

  test('a server without STARTTLS, or with a certificate of nobody we trust, gets nothing', async () => {
    const plainServer = await listen()
    const config = { security: 'starttls', user: 'tidegate', password: 'hunter2' } as const
    await assert.rejects(send(configFor(plainServer, config)), { name: 'SendError' })
    const stranger = await listen({ tls })
    await assert.rejects(send(configFor(stranger, config)), { name: 'SendError', isFinal: false })
    for (const receiver of [plainServer, stranger]) {
      assert.equal(receiver.mails.length, 0)
      assert.doesNotMatch(JSON.stringify(receiver.commands), /AUTH|MAIL/)
    }
  })

  test('what others wrote adds no header, no recipient and no second message', async () => {
    const receiver = await listen()
    const evil = 'x\r\nBcc: everybody@example.com\r\n.\r\nMAIL FROM:<evil@example.com>\r\n\u2028Subject: no'
    await send(configFor(receiver), evil)
    assert.equal(receiver.mails.length, 1)
    const [{ data, to }] = receiver.mails
    assert.equal(to.length, 2)
    const headers = data.slice(0, data.indexOf('\n\n'))
    assert.doesNotMatch(headers, /^(Bcc|Cc):/im)
    assert.equal(headers.match(/^Subject:/gim)?.length, 1)
    assert.ok(!receiver.commands.some(({ line }) => line.includes('evil@')))
  })

  test('a recipient that the server never takes is final, one that it takes later is not', async () => {
    const never = await listen({ recipientAnswer: '550 no such user' })
    await assert.rejects(send(configFor(never)), { name: 'SendError', isFinal: true, message: /550 no such user/ })
    const later = await listen({ recipientAnswer: '451 greylisted' })
    await assert.rejects(send(configFor(later)), { name: 'SendError', isFinal: false, message: /451 greylisted/ })
  })

  test('a server that says nothing is left at the deadline, and so is a port that nobody has', async () => {
    const silent = await listen({ isSilent: true })
    const stop = new AbortController()
    const sent = send(configFor(silent), 'x', stop.signal)
    setImmediate(() => stop.abort())
    await assert.rejects(sent, { name: 'SendError', message: 'no answer in time', isFinal: false })
    const { port } = await listen()
    open.pop()!.close()
    await assert.rejects(send({ ...configFor(silent), port }), { name: 'SendError', message: /ECONNREFUSED/ })
  })
})
