/**
 * What all attacks by connections share: sockets from many sources, a rate, a number that may be open at once, an end.
 * An attack itself is a `Behaviour`, in a file of its name beside this one; `attack.ts` starts them.
 *
 *   connect ─▶ onOpen ─▶ onTurn, onTurn, … ─▶ ended by the other side, or by `stayMs`, or by the end of the raid
 */
import { setImmediate as messages } from 'node:timers/promises'
import {
  close,
  closeWithReset,
  connectBetween,
  errnoName,
  ReadySet,
  receiveOrErrno,
  sendOrErrno,
  setAddress,
  socketAddress,
} from '../libc.ts'
import { SourceRound, type Sources } from '../sources.ts'

/** Bounded in every way: a number of connections, a number at once, a time. */
export interface RaidPlan {
  readonly host: string
  readonly port: number
  readonly sources: Sources
  readonly connections: number
  readonly openMax: number
  readonly perSecond: number
  readonly seconds: number
}

export interface RaidReport {
  readonly seconds: number
  readonly connections: number
  /** How connections ended: `reset`, `closed`, an errno, `own end` by the attacker, `open` at the end of the raid. */
  readonly endings: Readonly<Record<string, number>>
  readonly openMost: number
  readonly sentBytes: number
  readonly receivedBytes: number
}

export interface Raider {
  readonly fd: number
  isOpen: boolean
  openSinceMs: number
  /** When it did its last thing, for behaviours that do something now and then. */
  actedMs: number
  /** What it has sent of what it wants to send. */
  sentBytes: number
}

export interface Behaviour {
  /** Reads what comes; without, the window closes. */
  readonly reads: boolean
  readonly receiveBytes?: number
  /** Ends by itself so long after it was opened. */
  readonly stayMs?: number
  /** How it ends then. */
  readonly leaveBy?: 'reset' | 'fin'
  readonly onOpen?: (raider: Raider, raid: Raid) => void
  /** For each open one, at most once in `TURN_MS`. */
  readonly onTurn?: (raider: Raider, raid: Raid, nowMs: number) => void
}

const TURN_US = 1_000
const TURN_MS = 10
const LAST_TURNS_MAX = 100
const EAGAIN = 'EAGAIN'

export class Raid {
  readonly #plan: RaidPlan
  readonly #behaviour: Behaviour
  readonly #target: Buffer
  readonly #from = socketAddress('127.0.0.1', 0)
  readonly #sources: SourceRound
  readonly #ready = new ReadySet()
  readonly #raiders = new Map<number, Raider>()
  readonly #endings: Record<string, number> = {}
  readonly #buffer = new Uint8Array(65_536)
  readonly #startedMs = performance.now()
  #connections = 0
  #openMost = 0
  #sentBytes = 0
  #receivedBytes = 0
  #turnedMs = 0
  isStopping = false

  constructor(plan: RaidPlan, behaviour: Behaviour) {
    this.#plan = plan
    this.#behaviour = behaviour
    this.#target = socketAddress(plan.host, plan.port)
    this.#sources = new SourceRound(plan.sources)
  }

  async run(): Promise<RaidReport> {
    const endMs = this.#startedMs + this.#plan.seconds * 1000
    while (!this.isStopping && performance.now() < endMs && !this.#isDone()) {
      this.#come()
      this.#turn()
      await messages()
    }
    // What has happened to them by now is still theirs to hear; who never rests must not keep us.
    for (let left = LAST_TURNS_MAX; left > 0 && this.#turn() > 0; left--);
    for (const raider of this.#raiders.values()) this.#end(raider, 'open')
    return this.#report()
  }

  /** Errors end the raider; a full kernel buffer takes less. */
  send(raider: Raider, bytes: Uint8Array): void {
    const sent = sendOrErrno(raider.fd, bytes, bytes.length)
    if (sent >= 0) {
      raider.sentBytes += sent
      this.#sentBytes += sent
    } else if (errnoName(sent) !== EAGAIN) this.#end(raider, endingOf(sent))
  }

  /** Takes at most so many bytes. */
  read(raider: Raider, bytesMax: number): void {
    const received = receiveOrErrno(raider.fd, this.#buffer.subarray(0, bytesMax))
    if (received > 0) this.#receivedBytes += received
    else if (received === 0) this.#end(raider, 'closed')
    else if (errnoName(received) !== EAGAIN) this.#end(raider, endingOf(received))
  }

  #isDone(): boolean {
    return this.#connections === this.#plan.connections && this.#raiders.size === 0
  }

  #come(): void {
    const { connections, perSecond, openMax } = this.#plan
    const nowMs = performance.now()
    const due = Math.min(connections, ((nowMs - this.#startedMs) * perSecond) / 1000)
    // A turn must end: who is behind comes in the next one.
    for (let left = 256; left > 0 && this.#connections < due && this.#raiders.size < openMax; left--) this.#begin(nowMs)
    this.#openMost = Math.max(this.#openMost, this.#raiders.size)
  }

  #begin(nowMs: number): void {
    this.#connections++
    setAddress(this.#from, this.#sources.next())
    const { receiveBytes } = this.#behaviour
    const fd = connectBetween(this.#from, this.#target, { receiveBytes, noDelay: true })
    if (fd < 0) return this.#count(endingOf(fd))
    this.#raiders.set(fd, { fd, isOpen: false, openSinceMs: nowMs, actedMs: nowMs, sentBytes: 0 })
    this.#ready.addEdges(fd)
  }

  /** How many it woke. */
  #turn(): number {
    const count = this.#ready.wait(TURN_US)
    const nowMs = performance.now()
    for (let i = 0; i < count; i++) {
      const raider = this.#raiders.get(this.#ready.ready(i))
      if (raider !== undefined) this.#onReady(raider, this.#ready.hasFailed(i), nowMs)
    }
    if (nowMs - this.#turnedMs < TURN_MS) return count
    this.#turnedMs = nowMs
    const { stayMs = Infinity, onTurn } = this.#behaviour
    for (const raider of this.#raiders.values()) {
      if (!raider.isOpen) continue
      if (nowMs - raider.openSinceMs >= stayMs) this.#end(raider, 'own end')
      else onTurn?.(raider, this, nowMs)
    }
    return count
  }

  #onReady(raider: Raider, hasFailed: boolean, nowMs: number): void {
    if (!raider.isOpen && !hasFailed) {
      raider.isOpen = true
      raider.openSinceMs = nowMs
      this.#behaviour.onOpen?.(raider, this)
    }
    if (hasFailed || this.#behaviour.reads) this.#drain(raider)
    if (hasFailed && this.#raiders.has(raider.fd)) this.#end(raider, 'reset')
  }

  #drain(raider: Raider): void {
    for (let before = -1; before !== this.#receivedBytes && this.#raiders.has(raider.fd);) {
      before = this.#receivedBytes
      this.read(raider, this.#buffer.length)
    }
  }

  #end(raider: Raider, ending: string): void {
    if (!this.#raiders.delete(raider.fd)) return
    if (ending === 'own end' && this.#behaviour.leaveBy === 'fin') close(raider.fd)
    else closeWithReset(raider.fd)
    this.#count(ending)
  }

  #count(ending: string): void {
    this.#endings[ending] = (this.#endings[ending] ?? 0) + 1
  }

  #report(): RaidReport {
    return {
      seconds: (performance.now() - this.#startedMs) / 1000,
      connections: this.#connections,
      endings: this.#endings,
      openMost: this.#openMost,
      sentBytes: this.#sentBytes,
      receivedBytes: this.#receivedBytes,
    }
  }
}

/** A reset may be met while connecting, sending or reading. */
function endingOf(errno: number): string {
  const name = errnoName(errno)
  return name === 'ECONNRESET' || name === 'EPIPE' ? 'reset' : name
}
