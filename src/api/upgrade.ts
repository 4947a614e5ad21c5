/** POST UPGRADE_PATH: the next version is started, and this one drains once that serves. */
import type { IncomingMessage } from 'node:http'
import { json, type Answer } from './answer.ts'
import { UPGRADE_TIMEOUT_MS, type UpgradeAnswer } from './contract.ts'

export type UpgradeAction = () => Promise<UpgradeAnswer>

export async function upgrade(request: IncomingMessage, action: UpgradeAction): Promise<Answer> {
  request.socket.setTimeout(UPGRADE_TIMEOUT_MS)
  const outcome = await action()
  return json(outcome.kind === 'ready' ? 200 : 503, outcome)
}
