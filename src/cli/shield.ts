/** `tidegate shield show`: what the kernel refuses for a running daemon, and what it does not and why. */
import type { Command } from 'commander'
import { adminOption } from './admin-option.ts'
import { addExamples } from './examples.ts'
import { painterFor } from './painter.ts'
import { shieldText } from './shield-text.ts'

interface ShieldOptions {
  readonly admin?: string
  readonly json?: true
}

export function addShieldCommand(program: Command): void {
  const shield = withOptions(program.command('shield')).description('What protects the services of a running daemon.')
  const show = withOptions(shield.command('show', { isDefault: true }))
    .description('Show what the kernel refuses for us: table, rules, sets, counters, and what it does not and why.')
    .action(async (_: unknown, self: Command) => showShield(self.optsWithGlobals<ShieldOptions>()))
  addExamples(shield, [
    ['tidegate shield show', 'what the kernel refuses for us'],
    ['tidegate shield show --json', 'for programs'],
  ])
  addExamples(show, [
    ['tidegate shield show', 'for people'],
    ['tidegate shield show --json | jq .firewall.rules', 'packets dropped so far, for a script'],
  ])
}

function withOptions(command: Command): Command {
  return command.addOption(adminOption()).option('--json', 'write it as one JSON object')
}

async function showShield(options: ShieldOptions): Promise<void> {
  const { adminUrl, fetchShield } = await import('./admin-client.ts')
  const status = await fetchShield(adminUrl(options.admin))
  process.stdout.write(options.json ? `${JSON.stringify(status)}\n` : shieldText(status, painterFor(process.stdout)))
}
