/** POST RELOAD_PATH: the configuration file is read again, and taken over or only compared. */
import type { IncomingMessage } from 'node:http'
import type { ReloadOutcome } from '../control/reload/reload.ts'
import { json, type Answer } from './answer.ts'
import { DRY_RUN_PARAMETER, RELOAD_STATUSES, RELOAD_TIMEOUT_MS, type ReloadAnswer } from './contract.ts'

export interface ReloadActions {
  readonly run: () => Promise<ReloadOutcome>
  /** Changes nothing. */
  readonly check: () => Promise<ReloadOutcome>
}

export async function reload(request: IncomingMessage, actions: ReloadActions): Promise<Answer> {
  // Longer than for questions: names may have to be looked up.
  request.socket.setTimeout(RELOAD_TIMEOUT_MS)
  const isDry = new URL(request.url ?? '/', 'http://localhost').searchParams.get(DRY_RUN_PARAMETER) === 'true'
  const outcome: ReloadAnswer = plain(isDry ? await actions.check() : await actions.run())
  return json(RELOAD_STATUSES[outcome.kind], outcome)
}

/** The contract has plain, changeable objects; the outcome has the same fields. */
function plain(outcome: ReloadOutcome): ReloadAnswer {
  return JSON.parse(JSON.stringify(outcome)) as ReloadAnswer
}
