/** `tidegate check-ip`: would this address be let in, and what is known about it? */
import type { Command } from 'commander'
import { ADMIN_PATHS, CheckIpAnswer } from '../api/contract.ts'
import { parseIp } from '../lib/ip.ts'
import { adminOption } from './admin-option.ts'
import { addExamples } from './examples.ts'
import { CommandError, EXIT_CODES } from './exit-code.ts'
import { painterFor, type Painter } from './painter.ts'
import { shown } from './table.ts'

interface CheckIpOptions {
  readonly admin?: string
  readonly json?: true
}

export function addCheckIpCommand(program: Command): void {
  const command = program
    .command('check-ip')
    .description('Say whether a running daemon lets an address in, and what it knows about it.')
    .argument('<address>', 'an IPv4 or IPv6 address')
    .addOption(adminOption())
    .option('--json', 'write the answer as one JSON object')
    .action(async (address: string, options: CheckIpOptions) => checkIp(address, options))
  addExamples(command, [
    ['tidegate check-ip 203.0.113.9', 'which list names it, with file and line'],
    ['tidegate check-ip 2001:db8::1 --json | jq .verdict', 'for a script: allowed, refused or limits'],
  ])
}

async function checkIp(address: string, { admin, json }: CheckIpOptions): Promise<void> {
  if (parseIp(address) === undefined) {
    throw new CommandError(`${JSON.stringify(address)} is no IP address.`, EXIT_CODES.usage)
  }
  const { adminUrl, fetchAnswer } = await import('./admin-client.ts')
  const url = new URL(ADMIN_PATHS.checkIp, adminUrl(admin))
  url.searchParams.set('address', address)
  const answer = await fetchAnswer(url, CheckIpAnswer)
  process.stdout.write(`${json ? JSON.stringify(answer) : checkIpText(answer, painterFor(process.stdout))}\n`)
}

export function checkIpText({ address, verdict, reason, findings }: CheckIpAnswer, paint: Painter): string {
  const says = {
    allowed: paint('green', `${address} is let in whatever bans, deny lists and limits for a source say.`),
    refused: paint('red', `${address} is refused (${reason}).`),
    limits: `${address} is let in as long as limits allow it.`,
  }[verdict]
  const width = Math.max(0, ...findings.map(({ code }) => shown(code).length))
  return [says, ...findings.map(({ code, text }) => `  ${shown(code).padEnd(width)}  ${shown(text)}`)].join('\n')
}
