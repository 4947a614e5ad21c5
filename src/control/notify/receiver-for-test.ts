/** For tests: receivers on loopback that keep what they get, and answer as they are told. */
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import { createServer as createTcpServer, type AddressInfo, type Server as TcpServer, type Socket } from 'node:net'
import { once } from 'node:events'
import { TLSSocket } from 'node:tls'

export interface Received {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly text?: string
}

export class HttpReceiver {
  readonly received: Received[] = []
  /** Asked for each request; `never` leaves it without an answer. */
  answer: () => Answer | 'never' = () => ({ status: 200 })
  readonly #server: Server

  private constructor() {
    this.#server = createServer((request, response) => {
      let body = ''
      request.setEncoding('utf8').on('data', (piece: string) => (body += piece))
      request.on('end', () => {
        this.received.push({ path: request.url ?? '', headers: request.headers, body })
        const answer = this.answer()
        if (answer === 'never') return
        response.writeHead(answer.status, answer.headers ?? {})
        response.end(answer.text ?? '')
      })
    })
  }

  static async listen(): Promise<HttpReceiver> {
    const receiver = new HttpReceiver()
    receiver.#server.listen(0, '127.0.0.1')
    await once(receiver.#server, 'listening')
    return receiver
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/hook`
  }

  close(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }
}

export interface MailReceiverOptions {
  readonly tls?: { readonly cert: string; readonly key: string }
  /** TLS from the first byte; else STARTTLS is offered where there is a certificate. */
  readonly isTlsFirst?: boolean
  /** What it says to RCPT TO. */
  readonly recipientAnswer?: string
  /** Says nothing at all. */
  readonly isSilent?: boolean
}

export interface ReceivedMail {
  readonly isEncrypted: boolean
  readonly auth: string | undefined
  readonly from: string
  readonly to: readonly string[]
  /** Headers and text, as they came. */
  readonly data: string
}

/** As much of SMTP as a client needs that sends one message [RFC 5321]. */
export class MailReceiver {
  readonly mails: ReceivedMail[] = []
  /** Every line that came before DATA, in the clear or not. */
  readonly commands: { readonly line: string; readonly isEncrypted: boolean }[] = []
  readonly #options: MailReceiverOptions
  readonly #server: TcpServer
  readonly #sockets = new Set<Socket>()

  private constructor(options: MailReceiverOptions) {
    this.#options = options
    this.#server = createTcpServer((socket) => {
      this.#sockets.add(socket)
      socket.on('error', () => {})
      if (options.isSilent === true) return
      const { isTlsFirst = false } = options
      this.#talk(isTlsFirst ? this.#encrypt(socket) : socket, isTlsFirst, true)
    })
  }

  static async listen(options: MailReceiverOptions = {}): Promise<MailReceiver> {
    const receiver = new MailReceiver(options)
    receiver.#server.listen(0, '127.0.0.1')
    await once(receiver.#server, 'listening')
    return receiver
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  #encrypt(socket: Socket): TLSSocket {
    const secured = new TLSSocket(socket, { isServer: true, ...this.#options.tls })
    secured.on('error', () => {})
    return secured
  }

  #talk(socket: Socket, isEncrypted: boolean, greets: boolean): void {
    let rest = ''
    let data: string | undefined
    let auth: string | undefined
    let from = ''
    let to: string[] = []
    const say = (text: string): void => void socket.write(`${text}\r\n`)
    const take = (line: string): void => {
      this.commands.push({ line, isEncrypted })
      const verb = line.slice(0, 4).toUpperCase()
      if (verb === 'EHLO') {
        const offers = ['250-here', '250-AUTH PLAIN']
        if (this.#options.tls !== undefined && !isEncrypted) offers.push('250-STARTTLS')
        say([...offers, '250 8BITMIME'].join('\r\n'))
      } else if (verb === 'STAR') {
        say('220 go')
        socket.removeAllListeners('data')
        this.#talk(this.#encrypt(socket), true, false)
      } else if (verb === 'AUTH') {
        auth = Buffer.from(line.split(' ')[2] ?? '', 'base64').toString()
        say('235 in')
      } else if (verb === 'MAIL') {
        from = line
        to = []
        say('250 ok')
      } else if (verb === 'RCPT') {
        to.push(line)
        say(this.#options.recipientAnswer ?? '250 ok')
      } else if (verb === 'DATA') {
        data = ''
        say('354 go on')
      } else if (verb === 'QUIT') {
        say('221 bye')
        socket.end()
      } else say('250 ok')
    }
    socket.setEncoding('utf8').on('data', (piece: string) => {
      rest += piece
      for (let end = rest.indexOf('\r\n'); end !== -1; end = rest.indexOf('\r\n')) {
        const line = rest.slice(0, end)
        rest = rest.slice(end + 2)
        if (data === undefined) take(line)
        else if (line === '.') {
          this.mails.push({ isEncrypted, auth, from, to, data })
          data = undefined
          say('250 taken')
        } else data += `${line.replace(/^\.\./, '.')}\n`
      }
    })
    if (greets) say('220 here ESMTP')
  }

  close(): void {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }
}
