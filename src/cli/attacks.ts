/** `tidegate attacks`: which services are under attack, and what attacks there were. */
import type { Command } from 'commander'
import { ATTACKS_PATH, AttacksAnswer, AttackView } from '../api/contract.ts'
import { adminOption } from './admin-option.ts'
import { attacksText, attackText } from './attacks-text.ts'
import { addExamples } from './examples.ts'
import { CommandError, EXIT_CODES } from './exit-code.ts'
import { painterFor } from './painter.ts'

interface Options {
  readonly admin?: string
  readonly json?: true
}

export function addAttacksCommand(program: Command): void {
  const command = withOptions(program.command('attacks')).description(
    'Show attacks on the services of a running daemon.',
  )
  const list = withOptions(command.command('list', { isDefault: true }))
    .description('Show how calm each service is, and the attacks there were, the newest first.')
    .action(async (_: unknown, self: Command) => listAttacks(self.optsWithGlobals<Options>()))
  const show = withOptions(command.command('show'))
    .description('Show one attack: when, how strong, from where, what was done, and who was served.')
    .argument('<id>', 'its number in the list')
    .action(async (id: string, _: unknown, self: Command) => showAttack(id, self.optsWithGlobals<Options>()))
  addExamples(command, [
    ['tidegate attacks', 'what is calm, what is now, and attacks so far'],
    ['tidegate attacks show 3', 'all about one of them'],
  ])
  addExamples(list, [
    ['tidegate attacks', 'for people'],
    ['tidegate attacks list --json | jq .services', 'what is calm, for a script'],
  ])
  addExamples(show, [
    ['tidegate attacks show 3', 'for people'],
    ['tidegate attacks show 3 --json | jq -r .addresses[].source', 'the addresses that came most'],
  ])
}

function withOptions(command: Command): Command {
  return command.addOption(adminOption()).option('--json', 'write it as one JSON object')
}

async function listAttacks(options: Options): Promise<void> {
  const { adminUrl, fetchAnswer } = await import('./admin-client.ts')
  const answer = await fetchAnswer(new URL(ATTACKS_PATH, adminUrl(options.admin)), AttacksAnswer)
  process.stdout.write(options.json ? `${JSON.stringify(answer)}\n` : attacksText(answer, painterFor(process.stdout)))
}

async function showAttack(id: string, options: Options): Promise<void> {
  if (!/^\d{1,15}$/.test(id)) throw new CommandError(`${id} is no number of an attack.`, EXIT_CODES.usage)
  const { adminUrl, fetchAnswer } = await import('./admin-client.ts')
  const answer = await fetchAnswer(new URL(`${ATTACKS_PATH}/${id}`, adminUrl(options.admin)), AttackView)
  process.stdout.write(options.json ? `${JSON.stringify(answer)}\n` : attackText(answer, painterFor(process.stdout)))
}
