/**
 * A second network, tied to the test's own by a cable: packets from there come from other addresses and another
 * interface, as an attacker's do. It is a process that has moved into a network of its own.
 */
import { execFileSync, fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { within } from './deadline.ts'
import { enterOwnNetwork } from './own-network.ts'

/** This machine's end of the cable. */
export const NEAR = { ipv4: '10.99.0.1', ipv6: 'fd99::1' } as const
const NEAR_LINK = 'tg-near'
const FAR_LINK = 'tg-far'

/** How a connect from there stands. */
export type ConnectState = 'trying' | 'connected' | 'failed'

export interface ForeignConnect {
  readonly state: () => ConnectState
  readonly say: (text: string) => void
  readonly end: () => void
}

export class ForeignNetwork {
  readonly #child: ChildProcess
  readonly #states = new Map<number, ConnectState>()
  #nextId = 1

  private constructor(child: ChildProcess) {
    this.#child = child
    child.on('message', ({ id, state }: { id: number; state: ConnectState }) => this.#states.set(id, state))
  }

  /** Addresses 10.99.0.0/16 and fd99::/16 can be had there. The reason why not, where it can't be. */
  static async open(): Promise<ForeignNetwork | string> {
    const why = enterOwnNetwork()
    if (why !== undefined) return why
    const child = fork(fileURLToPath(new URL('foreign-network-process.ts', import.meta.url)))
    const network = new ForeignNetwork(child)
    process.once('exit', () => child.kill('SIGKILL'))
    await within('the foreign network', once(child, 'message'))
    const ip = (...words: string[]): void => void execFileSync('ip', words.join(' ').split(' '), { stdio: 'pipe' })
    try {
      ip(`link add ${NEAR_LINK} type veth peer name ${FAR_LINK}`)
    } catch (error) {
      return `no cable between two networks: ${(error as Error).message}`
    }
    ip(`link set ${FAR_LINK} netns ${child.pid}`)
    ip(`addr add ${NEAR.ipv4}/16 dev ${NEAR_LINK}`)
    // Without waiting for duplicate address detection.
    ip(`addr add ${NEAR.ipv6}/16 dev ${NEAR_LINK} nodad`)
    ip(`link set ${NEAR_LINK} up`)
    await network.#ask({ kind: 'raise', link: FAR_LINK })
    return network
  }

  /** Gives the far end one more address. */
  async addAddress(address: string): Promise<void> {
    await this.#ask({ kind: 'address', link: FAR_LINK, address })
  }

  /** Connects from one of its addresses; the kernel there repeats the SYN until it gives up, after two minutes. */
  connect(from: string, to: string, port: number): ForeignConnect {
    const id = this.#nextId++
    this.#states.set(id, 'trying')
    this.#child.send({ id, kind: 'connect', from, to, port })
    return {
      state: () => this.#states.get(id) ?? 'trying',
      say: (text) => this.#child.send({ id, kind: 'say', text }),
      end: () => this.#child.send({ id, kind: 'end' }),
    }
  }

  /** Sends one UDP packet; whether it arrives is for the other side to say. */
  async sendDatagram(from: string, to: string, port: number, text: string): Promise<void> {
    await this.#ask({ kind: 'datagram', from, to, port, text })
  }

  async #ask(message: Record<string, unknown>): Promise<void> {
    const id = this.#nextId++
    this.#child.send({ ...message, id })
    const answered = (async () => {
      while (!this.#states.has(id)) await once(this.#child, 'message')
    })()
    await within(`the foreign network to ${String(message['kind'])}`, answered)
    if (this.#states.get(id) === 'failed') throw new Error(`the foreign network can't ${JSON.stringify(message)}`)
  }

  close(): void {
    this.#child.kill('SIGKILL')
  }
}
