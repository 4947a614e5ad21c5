/** How changes of the configuration file are asked for, answered and refused, on all routes that make one. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Change, ChangeOutcome } from '../../control/config-change/config-changes.ts'
import { NotWritten, ReadOnlyConfig } from '../../control/config-change/config-changes.ts'
import { CannotEdit } from '../../control/config-change/config-edit.ts'
import { ChangedMeanwhile } from '../../control/config-change/config-file.ts'
import { NoSuchName } from '../../control/config-change/upstream-edits.ts'
import { ConfigError } from '../../control/config/load.ts'
import { StoreError } from '../../control/store/store.ts'
import { ConfigChangeAnswer, Problem, RELOAD_STATUSES, RELOAD_TIMEOUT_MS } from '../contract.ts'
import { ApiProblem } from '../problem.ts'
import { askedBy } from '../room.ts'
import type { ConfigActions } from './config.ts'

export const CHANGE_ANSWERS = {
  200: ConfigChangeAnswer,
  409: ConfigChangeAnswer,
  422: ConfigChangeAnswer,
  503: ConfigChangeAnswer,
  '4xx': Problem,
}

export interface Asked {
  readonly dryRun?: boolean | undefined
  readonly why?: string | undefined
}

/** Makes the change, or with `dryRun` only says what it would be. */
export async function sendChange(
  request: FastifyRequest,
  reply: FastifyReply,
  config: ConfigActions | undefined,
  change: Change,
  { dryRun = false, why = '' }: Asked,
): Promise<FastifyReply> {
  // Longer than for questions: names may have to be looked up.
  request.raw.socket.setTimeout(RELOAD_TIMEOUT_MS)
  const changes = changesOf(config)
  const { who } = askedBy(request)
  const outcome = await withConfigProblems(() =>
    dryRun ? changes.dryRun(change) : changes.apply(change, { who, why }),
  )
  request.auditDetails = auditText(outcome, why)
  return reply.status(RELOAD_STATUSES[outcome.kind]).send(outcome)
}

/** Throws E_NOT_FOUND for a daemon without a file. */
export function changesOf(config: ConfigActions | undefined): ConfigActions {
  if (config !== undefined) return config
  throw new ApiProblem('E_NOT_FOUND', 'This daemon was not started from a file.')
}

export async function withConfigProblems<Answer>(work: () => Promise<Answer>): Promise<Answer> {
  try {
    return await work()
  } catch (error) {
    throw problemOf(error as Error)
  }
}

function problemOf(error: Error): Error {
  if (error instanceof ChangedMeanwhile) {
    const detail = 'The file was changed meanwhile, and is left as it is. Look at both texts and make the change again.'
    return new ApiProblem('E_CONFLICT', detail, { current: error.current })
  }
  if (error instanceof ReadOnlyConfig || error instanceof NotWritten) {
    return new ApiProblem('E_READ_ONLY', `${error.message} Nothing has changed.`)
  }
  if (error instanceof CannotEdit) return new ApiProblem('E_NOT_EDITABLE', error.message)
  if (error instanceof NoSuchName) return new ApiProblem('E_NOT_FOUND', error.message)
  if (error instanceof StoreError) return new ApiProblem('E_STORE', error.message)
  // The file itself is gone, or no text any more.
  if (error instanceof ConfigError) return new ApiProblem('E_NOT_READY', error.format())
  return error
}

function auditText({ kind, version }: ChangeOutcome, why: string): string {
  const what = `${kind} ${version.slice(0, 12)}`
  return why === '' ? what : `${what}: ${why}`
}
