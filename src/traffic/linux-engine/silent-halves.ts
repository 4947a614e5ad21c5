/** Which clients of this engine have not said a byte, for who looks for room (../admit/make-way.ts). */
import { MSG, recv } from '../../kernel/libc.ts'
import type { Source } from '../admit/admission.ts'
import type { SilentSight } from '../admit/make-way.ts'
import type { MonotonicMs } from '../node-wide.ts'
import type { Service } from '../tables.ts'
import { addressAt, FLAG, NUMBER, NUMBERS, STAGE } from './connection.ts'
import type { Connection } from './connection.ts'
import { endWithReset } from './end.ts'
import { guarded } from './guard.ts'
import type { Step } from './guard.ts'
import type { Loop } from './loop.ts'

export class SilentHalves implements SilentSight<Connection> {
  readonly #loop: Loop
  readonly #source: { -readonly [Key in keyof Source]: Source[Key] }

  constructor(loop: Loop) {
    this.#loop = loop
    this.#source = { addressBytes: loop.pool.clientAddresses, addressAt: 0, family: 4 }
  }

  service({ plan }: Connection): Service {
    return plan.service
  }

  activeMs({ slot }: Connection): MonotonicMs {
    return this.#loop.pool.numbers[slot * NUMBERS + NUMBER.activeMs]
  }

  /** Who has failed is over in moments, with its own reason. */
  isSilent({ stage, slot, client, upstream }: Connection): boolean {
    if (stage === STAGE.firstByte) return true
    if (stage !== STAGE.relay || client.has(FLAG.failed | FLAG.erred) || upstream.has(FLAG.failed | FLAG.erred))
      return false
    return this.#loop.pool.numbers[slot * NUMBERS + NUMBER.bytesToUpstream] === 0
  }

  isGreeted({ slot }: Connection): boolean {
    return this.#loop.pool.numbers[slot * NUMBERS + NUMBER.firstByteMs] !== -1
  }

  /** The event that tells of them may come later in the same turn. */
  hasUnread({ client }: Connection): boolean {
    return recv(client.fd, this.#loop.bufferAt, 1, MSG.peek) > 0
  }

  source(connection: Connection): Source {
    const source = this.#source
    source.addressAt = addressAt(connection)
    source.family = connection.clientFamily
    return source
  }
}

/** Ends who has to go for the newcomer that was judged last, if anybody has. */
export function endLeaver(loop: Loop): void {
  const leaver = loop.places.leaver()
  if (leaver !== undefined) guarded(loop, leaver, 0, makeWay)
}

const makeWay: Step = (loop, connection) => endWithReset(loop, connection, 'made-way')
