/** `tidegate users`: who may log in. With the token of this machine it works for who has lost every password. */
import { type Command, Option } from 'commander'
import {
  ACCESS_PATHS,
  type NewUserRequest,
  ROLE_WORDS,
  type RoleWord,
  type UserChangeRequest,
  userPath,
  UsersAnswer,
  UserView,
} from '../api/contract.ts'
import { adminOption } from './admin-option.ts'
import { addExamples } from './examples.ts'
import { painterFor } from './painter.ts'
import { shown, tableLines } from './table.ts'
import { choosePassword, type ChosenPassword } from './user-password.ts'

interface Options {
  readonly admin?: string
  readonly json?: true
}

export function addUsersCommand(program: Command): void {
  const command = program.command('users').description('Show who may log in, add users, give them other passwords.')
  addExamples(command, [
    ['tidegate users', 'who may log in'],
    ['tidegate users add ann --role operator', 'with a new password, which is shown once'],
    ['tidegate users password ann', 'for who has lost theirs'],
  ])
  addList(command)
  addAdd(command)
  addPassword(command)
  addRole(command)
  addSwitches(command)
  addRemove(command)
}

function addList(command: Command): void {
  withOptions(command.command('list', { isDefault: true }))
    .description('Show the users.')
    .action(async (options: Options) => {
      const { adminUrl, fetchAnswer } = await import('./admin-client.ts')
      const answer = await fetchAnswer(new URL(ACCESS_PATHS.users, adminUrl(options.admin)), UsersAnswer)
      process.stdout.write(options.json ? `${JSON.stringify(answer)}\n` : usersText(answer.users))
    })
}

function addAdd(command: Command): void {
  const add = withOptions(command.command('add'))
    .description('Add a user.')
    .argument('<name>', 'letters, digits, . _ @ and -')
    .addOption(roleOption().makeOptionMandatory())
    .option('--password-file <file>', 'the password; - is standard input (default: a new one is made and shown)')
    .action(async (name: string, options: Options & { role: RoleWord; passwordFile?: string }) => {
      const chosen = await choosePassword(options.passwordFile, name)
      const body: NewUserRequest = { name, password: chosen.password, role: options.role }
      const { adminUrl, changeAnswer } = await import('./admin-client.ts')
      const user = await changeAnswer(new URL(ACCESS_PATHS.users, adminUrl(options.admin)), UserView, 'POST', body)
      show(user, `Added ${name} as ${options.role}.`, options, chosen)
    })
  addExamples(add, [['tidegate users add ann --role admin', 'prints the password']])
}

function addPassword(command: Command): void {
  const password = withOptions(command.command('password'))
    .description('Give a user another password; their sessions end.')
    .argument('<name>', 'who')
    .option('--password-file <file>', 'the password; - is standard input (default: a new one is made and shown)')
    .option('--without-second-factor', 'and take their second factor away, for who has lost it')
    .action(async (name: string, options: Options & { passwordFile?: string; withoutSecondFactor?: true }) => {
      const chosen = await choosePassword(options.passwordFile, name)
      const without = options.withoutSecondFactor === true ? { secondFactor: false as const } : {}
      const user = await change(name, { password: chosen.password, ...without }, options)
      show(user, `${name} has another password.`, options, chosen)
    })
  addExamples(password, [
    ['tidegate users password ann --without-second-factor', 'for who has lost password and phone'],
  ])
}

function addRole(command: Command): void {
  withOptions(command.command('role'))
    .description('Give a user another role; their sessions end.')
    .argument('<name>', 'who')
    .addArgument(command.createArgument('<role>', 'what they may').choices(ROLE_WORDS))
    .action(async (name: string, role: RoleWord, options: Options) => {
      show(await change(name, { role }, options), `${name} is ${role} now.`, options)
    })
}

function addSwitches(command: Command): void {
  for (const [verb, disabled, does] of [
    ['disable', true, 'Let a user log in no more; their sessions end.'],
    ['enable', false, 'Let a user log in again.'],
  ] as const) {
    withOptions(command.command(verb))
      .description(does)
      .argument('<name>', 'who')
      .action(async (name: string, options: Options) => {
        show(await change(name, { disabled }, options), `${name} is ${verb}d.`, options)
      })
  }
}

function addRemove(command: Command): void {
  withOptions(command.command('remove'))
    .description('Remove a user.')
    .argument('<name>', 'who')
    .action(async (name: string, options: Options) => {
      const { adminUrl, changeAnswer } = await import('./admin-client.ts')
      const answer = await changeAnswer(new URL(userPath(name), adminUrl(options.admin)), UsersAnswer, 'DELETE')
      process.stdout.write(options.json ? `${JSON.stringify(answer)}\n` : `Removed ${name}.\n`)
    })
}

function withOptions(command: Command): Command {
  return command.addOption(adminOption()).option('--json', 'write the answer as JSON')
}

export function roleOption(): Option {
  return new Option('--role <role>', 'what they may').choices(ROLE_WORDS)
}

async function change(name: string, changes: UserChangeRequest, { admin }: Options): Promise<UserView> {
  const { adminUrl, changeAnswer } = await import('./admin-client.ts')
  return await changeAnswer(new URL(userPath(name), adminUrl(admin)), UserView, 'PATCH', changes)
}

function show(user: UserView, done: string, { json }: Options, chosen?: ChosenPassword): void {
  const password = chosen?.isNew === true ? chosen.password : undefined
  if (json) {
    process.stdout.write(`${JSON.stringify({ ...user, ...(password === undefined ? {} : { password }) })}\n`)
    return
  }
  const told = password === undefined ? '' : `The password, which is not shown again: ${password}\n`
  process.stdout.write(`${done}\n${told}`)
}

function usersText(users: readonly UserView[]): string {
  if (users.length === 0) return 'There is no user yet; `tidegate setup-link` prints the link to make the first.\n'
  const rows = users.map(({ name, role, disabled, secondFactor, lastLogin }) => ({
    cells: [shown(name), role, disabled ? 'disabled' : 'enabled', secondFactor ? 'on' : 'off', lastLogin ?? 'never'],
    ...(disabled ? { style: 'yellow' as const } : {}),
  }))
  const columns = ['name', 'role', 'state', 'second factor', 'last login']
  return `${tableLines(columns, rows, painterFor(process.stdout)).join('\n')}\n`
}
