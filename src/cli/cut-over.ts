/** `tidegate golive SERVICE --enable …`: opens or closes a service of the running daemon, now or at a set time. */
import { CutOverAnswer, type CutOverRequest, type CutOverView, cutOverPath, type GoliveAsked } from '../api/contract.ts'
import { adminUrl, fetchAnswer } from './admin-client.ts'
import { CommandError, EXIT_CODES } from './exit-code.ts'
import { shown } from './table.ts'

const SWITCH_TIMEOUT_MS = 60_000
const DAY_MS = 86_400_000

export interface CutOverOptions {
  readonly admin?: string
  readonly enable?: true
  readonly disable?: true
  readonly cancel?: true
  readonly enableAt?: string
  readonly json?: true
}

/** Undefined where nothing is to be changed. Throws CommandError for more than one wish. */
export function cutOverWish(options: CutOverOptions, nowMs = Date.now()): CutOverRequest | undefined {
  const actions = (['enable', 'disable', 'cancel'] as const).filter((action) => options[action])
  const { enableAt } = options
  if (actions.length + (enableAt === undefined ? 0 : 1) > 1)
    throw new CommandError('Only one of --enable, --enable-at, --disable and --cancel.', EXIT_CODES.usage)
  if (enableAt !== undefined) return { action: 'plan', at: new Date(readTime(enableAt, nowMs)).toISOString() }
  const [action] = actions
  return action === undefined ? undefined : { action }
}

/** `03:00` is the next one. Without a zone, that of this machine. */
function readTime(text: string, nowMs: number): number {
  const [, hours, minutes] = /^([01]\d|2[0-3]):([0-5]\d)$/.exec(text) ?? []
  if (hours !== undefined && minutes !== undefined) {
    const today = new Date(nowMs).setHours(Number(hours), Number(minutes), 0, 0)
    return today > nowMs ? today : new Date(today + DAY_MS).setHours(Number(hours), Number(minutes), 0, 0)
  }
  const isWhole = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?$/.test(text)
  const atMs = isWhole ? Date.parse(text) : Number.NaN
  const wrong = (why: string): CommandError =>
    new CommandError(`--enable-at ${JSON.stringify(text)}: ${why}`, EXIT_CODES.usage)
  if (Number.isNaN(atMs)) throw wrong('expected a time such as 2026-11-22T03:00:00Z, 2026-11-22T03:00 or 03:00.')
  if (atMs <= nowMs) throw wrong('is over; --enable opens the service now.')
  return atMs
}

export async function cutOver(
  service: string,
  wish: CutOverRequest,
  asked: GoliveAsked,
  options: CutOverOptions,
): Promise<void> {
  const url = new URL(cutOverPath(service), adminUrl(options.admin))
  const answer = await fetchAnswer(url, CutOverAnswer, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(wish.action === 'enable' || wish.action === 'plan' ? { ...wish, asked } : wish),
    signal: AbortSignal.timeout(SWITCH_TIMEOUT_MS),
  })
  process.stdout.write(options.json ? `${JSON.stringify(answer)}\n` : cutOverText(answer))
}

export function cutOverText({ stored, cutOver }: CutOverAnswer): string {
  const lost = stored ? '' : 'It holds until the next start only: stateDir could not be written.\n'
  return `${stateText(cutOver)}\n${lost}`
}

function stateText({ service, enabled, fileSays, plan }: CutOverView): string {
  const name = shown(service)
  if (plan !== null)
    return `${name} is closed and opens at ${plan.at} (${new Date(plan.at).toLocaleString('sv')} here).`
  const differs =
    enabled === fileSays ? '' : ` The configuration says enabled: ${fileSays}; this holds until that changes.`
  if (enabled) return `${name} is open.${differs}`
  return `${name} is closed to new clients; the connections it has go on.${differs}`
}
