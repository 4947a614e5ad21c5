/**
 * The message as plain text by SMTP. There is no HTML in it, so nothing of others is markup, and no header has anything
 * of theirs but the subject, which is one line.
 */
import { connect, type LookupFunction, type Socket } from 'node:net'
import { once } from 'node:events'
import { LOOKUP_FAILED } from '../check/shared-lookup.ts'
import { type Message, textOf } from './message.ts'
import type { EmailConfig } from './notify-config.ts'
import { plain } from './plain-text.ts'
import { SendError } from './send-error.ts'

const SUBJECT_CHARACTERS_MAX = 120
/** Within the deadline of the whole. */
const SILENCE_MS_MAX = 10_000

export async function sendEmail(
  config: EmailConfig,
  message: Message,
  lookup: LookupFunction,
  signal: AbortSignal,
): Promise<void> {
  // A socket of our own ends with the deadline, whatever the server goes on to say.
  const socket = connect({ host: config.host, port: config.port, lookup, signal })
  try {
    socket.on('error', () => {})
    await once(socket, 'connect', { signal })
    await deliver(config, message, socket, signal)
  } catch (error) {
    throw troubleOf(error as SmtpError, signal)
  } finally {
    socket.destroy()
  }
}

async function deliver(config: EmailConfig, message: Message, socket: Socket, signal: AbortSignal): Promise<void> {
  const { host, port, security, user, password, from, to, ca } = config
  // Most daemons never send one: a start does not wait for what sends them.
  const { createTransport } = await import('nodemailer')
  const transport = createTransport({
    host,
    port,
    secure: security === 'tls',
    requireTLS: security === 'starttls',
    ignoreTLS: security === 'off',
    ...(user === undefined ? {} : { auth: { user, pass: password ?? '' } }),
    ...(ca === undefined ? {} : { tls: { ca } }),
    connectionTimeout: SILENCE_MS_MAX,
    greetingTimeout: SILENCE_MS_MAX,
    socketTimeout: SILENCE_MS_MAX,
    disableFileAccess: true,
    disableUrlAccess: true,
    getSocket: (_options, callback) => callback(null, { connection: socket }),
  })
  const aborted = once(signal, 'abort').then(() => {
    throw new Error('no answer in time')
  })
  const sent = transport.sendMail({
    from: { name: 'Tidegate', address: from },
    to: to.map((address) => ({ name: '', address })),
    subject: subjectOf(message),
    text: textOf(message),
    date: new Date(message.atMs),
    messageId: `<${message.id}@${from.slice(from.indexOf('@') + 1)}>`,
    // Nobody's holiday answers it [RFC 3834].
    headers: { 'Auto-Submitted': 'auto-generated' },
  })
  await Promise.race([sent, aborted])
}

export function subjectOf({ node, title }: Message): string {
  const subject = plain(`[Tidegate ${node}] ${title}`)
  const characters = Array.from(subject)
  if (characters.length <= SUBJECT_CHARACTERS_MAX) return subject
  return `${characters.slice(0, SUBJECT_CHARACTERS_MAX - 1).join('')}…`
}

type SmtpError = Error & { readonly code?: string; readonly responseCode?: number }

/** Of 5xx the server says that it will never take it [RFC 5321 4.2.1]. */
function troubleOf(error: SmtpError, signal: AbortSignal): SendError {
  if (error instanceof SendError) return error
  if (signal.aborted) return new SendError('no answer in time')
  const { code, responseCode, message } = error
  const isFinal = responseCode !== undefined && responseCode >= 500
  return new SendError(plain(code === LOOKUP_FAILED || code === undefined ? message : `${code}: ${message}`), {
    isFinal,
  })
}
