/** What the kernel says about sockets, read with `ss` of iproute2. */
import { execFileSync } from 'node:child_process'

export interface SocketState {
  readonly state: string
  readonly receiveQueue: number
  readonly sendQueue: number
  readonly local: string
  readonly remote: string
  /** Who holds it; absent for sockets nobody holds any more. */
  readonly pid: number | undefined
  readonly fd: number | undefined
  /** Everything ss wrote, for fields that are read by name. */
  readonly text: string
}

/** TCP sockets that match an `ss` filter, for example `sport = :80`. */
export function socketStates(filter: string): SocketState[] {
  const out = execFileSync('ss', ['-HtnOampie', ...filter.split(' ')], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  })
  return out
    .split('\n')
    .filter((line) => line !== '')
    .map(parseLine)
}

function parseLine(line: string): SocketState {
  const [state, receiveQueue, sendQueue, local, remote] = line.trim().split(/\s+/)
  const holder = /pid=(\d+),fd=(\d+)/.exec(line)
  return {
    state,
    receiveQueue: Number(receiveQueue),
    sendQueue: Number(sendQueue),
    local,
    remote,
    pid: holder === null ? undefined : Number(holder[1]),
    fd: holder === null ? undefined : Number(holder[2]),
    text: line,
  }
}

/** The socket at this end of a connection between two ports. */
export function socketBetween(localPort: number, remotePort: number): SocketState | undefined {
  return socketStates(`sport = :${localPort} and dport = :${remotePort}`).find((socket) => socket.state !== 'TIME-WAIT')
}

/** A number that ss prints as `name:123` or `name123` inside skmem. */
export function numberNamed(socket: SocketState, name: string): number | undefined {
  const match = new RegExp(`(?:^|[\\s(,])${name}:?(\\d+)`).exec(socket.text)
  return match === null ? undefined : Number(match[1])
}
