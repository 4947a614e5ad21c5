/** `tidegate setup-link`: another link to make the first admin, for who came too late for the one in the log. */
import type { Command } from 'commander'
import { ACCESS_PATHS, SetUpLinkAnswer } from '../api/contract.ts'
import { adminOption } from './admin-option.ts'
import { addExamples } from './examples.ts'

/** Throws CommandError when there is a user already. */
export async function askSetUpLink(admin: string | undefined) {
  const { adminUrl, changeAnswer, urlInUse } = await import('./admin-client.ts')
  const url = adminUrl(admin)
  const answer = await changeAnswer(new URL(ACCESS_PATHS.setUpLink, url), SetUpLinkAnswer, 'POST')
  return { ...answer, link: `${urlInUse(url).origin}/#/setup/${answer.secret}` }
}

export function addSetUpLinkCommand(program: Command): void {
  const command = program
    .command('setup-link')
    .description('Print a link to make the first user of the dashboard. It is good for an hour, and for one user.')
    .addOption(adminOption())
    .option('--json', 'write the answer as one JSON object')
    .action(async ({ admin, json }: { admin?: string; json?: true }) => {
      const answer = await askSetUpLink(admin)
      process.stdout.write(json ? `${JSON.stringify(answer)}\n` : `${answer.link}\n`)
    })
  addExamples(command, [['tidegate setup-link', 'open it in a browser before an hour is over']])
}
