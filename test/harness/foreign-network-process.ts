/** The far end of a ForeignNetwork: does what it is told over IPC. */
import { execFileSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { connect, type Socket } from 'node:net'
import { unshareNetwork } from './kernel.ts'

unshareNetwork()

interface Command {
  readonly id: number
  readonly kind: 'raise' | 'address' | 'connect' | 'say' | 'end' | 'datagram'
  readonly link: string
  readonly address: string
  readonly from: string
  readonly to: string
  readonly port: number
  readonly text: string
}

const sockets = new Map<number, Socket>()

function say(id: number, state: string): void {
  process.send?.({ id, state })
}

function ip(words: string): void {
  execFileSync('ip', words.split(' '), { stdio: 'pipe' })
}

const COMMANDS: Record<Command['kind'], (command: Command) => void> = {
  raise: ({ id, link }) => {
    ip('link set lo up')
    ip(`link set ${link} up`)
    say(id, 'connected')
  },
  address: ({ id, link, address }) => {
    ip(address.includes(':') ? `addr add ${address}/16 dev ${link} nodad` : `addr add ${address}/16 dev ${link}`)
    say(id, 'connected')
  },
  connect: ({ id, from, to, port }) => {
    const socket = connect({ host: to, port, localAddress: from })
    sockets.set(id, socket)
    socket.once('connect', () => say(id, 'connected'))
    socket.once('error', () => say(id, 'failed'))
  },
  say: ({ id, text }) => sockets.get(id)?.write(text),
  datagram: ({ id, from, to, port, text }) => {
    const socket = createSocket(to.includes(':') ? 'udp6' : 'udp4').bind({ address: from }, () =>
      socket.send(text, port, to, () => {
        socket.close()
        say(id, 'connected')
      }),
    )
  },
  end: ({ id }) => {
    sockets.get(id)?.destroy()
    sockets.delete(id)
  },
}

process.on('message', (command: Command) => {
  try {
    COMMANDS[command.kind](command)
  } catch {
    say(command.id, 'failed')
  }
})
process.once('disconnect', () => process.exit(0))
say(0, 'connected')
