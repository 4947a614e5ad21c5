/** What a connection can be doing. A station hears both sockets' events and names its deadline. */
import type { MonotonicMs } from '../node-wide.ts'

export type Side = 'client' | 'upstream'

/** `accepted` and `ended` are nowhere: nothing is heard there. */
export type StationKind = 'accepted' | 'hello' | 'first-byte' | 'dial' | 'relay' | 'flush' | 'ended'

export abstract class Station {
  abstract readonly kind: StationKind

  /** When `expire` is due. It may move away unannounced; when it comes nearer, the connection is scheduled again. */
  abstract deadlineMs(): MonotonicMs
  expire(_nowMs: MonotonicMs): void {}

  /** The client is waited for to speak, and has said nothing. */
  get isSilent(): boolean {
    return false
  }
  /** When a byte last moved, or the wait for one began. */
  get activeMs(): MonotonicMs {
    return 0
  }

  /** Called once, when the connection is here. */
  start(): void {}
  /** Called when the connection ends here; closes what only the station knows. */
  leave(): void {}

  /** Whether a connect to it is under way. */
  isDialling(_upstreamIndex: number): boolean {
    return false
  }
  /** It is not wanted any more. */
  dialAnother(_upstreamIndex: number): void {}

  take(_side: Side, _bytes: Buffer): void {}
  /** The socket's write queue is empty again. */
  takeDrain(_side: Side): void {}
  /** The other end has sent its FIN, and everything before it was taken. */
  takeEnd(_side: Side): void {}
  /** Our FIN is sent, with everything before it. */
  takeFinish(_side: Side): void {}
  /** The socket failed and is closed. */
  takeFailure(_side: Side, _error: NodeJS.ErrnoException): void {}
}

export class Nowhere extends Station {
  readonly kind: StationKind

  constructor(kind: 'accepted' | 'ended') {
    super()
    this.kind = kind
  }

  deadlineMs(): MonotonicMs {
    return Infinity
  }
}
