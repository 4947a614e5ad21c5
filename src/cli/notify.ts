/** `tidegate notify`: who is told of what, how that goes, and whether it works. */
import type { Command } from 'commander'
import {
  NOTIFICATION_TEST_PATH,
  NOTIFICATION_TEST_TIMEOUT_MS,
  NotificationTestAnswer,
  type NotificationTestRequest,
  NOTIFICATIONS_PATH,
  NotificationsAnswer,
} from '../api/contract.ts'
import { adminOption } from './admin-option.ts'
import { addExamples } from './examples.ts'
import { EXIT_CODES } from './exit-code.ts'
import { notificationsText, testText } from './notify-text.ts'
import { painterFor } from './painter.ts'

interface Options {
  readonly admin?: string
  readonly json?: true
}

export function addNotifyCommand(program: Command): void {
  const command = withOptions(program.command('notify')).description(
    'Show notifications, and test whether they arrive.',
  )
  const list = withOptions(command.command('list', { isDefault: true }))
    .description('Show channels, rules, what is wrong now, and what was sent.')
    .action(async (_: unknown, self: Command) => listNotifications(self.optsWithGlobals<Options>()))
  const test = withOptions(command.command('test'))
    .description('Send a test to one channel or to all; exit code 1 when one does not take it.')
    .argument('[channel]', 'its name in notify of the configuration')
    .action(async (channel: string | undefined, _: unknown, self: Command) =>
      testNotifications(channel, self.optsWithGlobals<Options>()),
    )
  addExamples(command, [
    ['tidegate notify', 'who is told of what, and how that goes'],
    ['tidegate notify test', 'a test to everybody'],
  ])
  addExamples(list, [['tidegate notify list --json | jq .channels', 'for a script']])
  addExamples(test, [
    ['tidegate notify test', 'to all channels'],
    ['tidegate notify test ops', 'to one of them'],
  ])
}

function withOptions(command: Command): Command {
  return command.addOption(adminOption()).option('--json', 'write it as one JSON object')
}

async function listNotifications({ admin, json }: Options): Promise<void> {
  const { adminUrl, fetchAnswer } = await import('./admin-client.ts')
  const answer = await fetchAnswer(new URL(NOTIFICATIONS_PATH, adminUrl(admin)), NotificationsAnswer)
  process.stdout.write(json ? `${JSON.stringify(answer)}\n` : notificationsText(answer, painterFor(process.stdout)))
}

async function testNotifications(channel: string | undefined, { admin, json }: Options): Promise<void> {
  const { adminUrl, fetchAnswer } = await import('./admin-client.ts')
  const body: NotificationTestRequest = channel === undefined ? {} : { channel }
  const answer = await fetchAnswer(new URL(NOTIFICATION_TEST_PATH, adminUrl(admin)), NotificationTestAnswer, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(NOTIFICATION_TEST_TIMEOUT_MS),
  })
  process.stdout.write(json ? `${JSON.stringify(answer)}\n` : testText(answer, painterFor(process.stdout)))
  if (answer.results.some(({ ok }) => !ok)) process.exitCode = EXIT_CODES.failed
}
