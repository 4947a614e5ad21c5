/** Who may log in, and the tokens of programs. */
import { useEffect, useState } from 'preact/hooks'
import type { RoleWord, UserChangeRequest, UsersAnswer, UserView } from '../../../src/api/contract.ts'
import { ask, get } from '../api.ts'
import { time } from '../format.ts'
import { ConfirmButton } from '../parts/confirm-button.tsx'
import { Choice, Field } from '../parts/field.tsx'
import { Form } from '../parts/form.tsx'
import { Tokens } from '../parts/tokens.tsx'
import { loadSession, session } from '../session.ts'

const USERS = '/api/v1/users'
export const ROLE_CHOICES = [
  ['viewer', 'viewer: may look'],
  ['operator', 'operator: bans, lists, upstreams'],
  ['admin', 'admin: everything'],
] as const

export default function Users() {
  const [users, setUsers] = useState<readonly UserView[]>([])
  const [problem, setProblem] = useState('')
  const load = async (): Promise<void> => setUsers((await get<UsersAnswer>(USERS)).users)
  const say = (error: Error): void => setProblem(error.message)
  useEffect(() => void load().catch(say), [])
  const change = async (name: string, changes: UserChangeRequest | undefined): Promise<void> => {
    setProblem('')
    try {
      await ask(changes === undefined ? 'DELETE' : 'PATCH', `${USERS}/${encodeURIComponent(name)}`, changes)
      await load()
    } catch (error) {
      say(error as Error)
    }
    // Whoever has changed themselves may be another now.
    if (session.value?.identity?.who === name) await loadSession()
  }
  return (
    <>
      <h1>Users and tokens</h1>
      <section aria-labelledby="users">
        <h2 id="users">Users</h2>
        <p class="bad-text" role="alert">
          {problem}
        </p>
        <UserTable users={users} onChange={(name, changes) => void change(name, changes)} />
        <h2>Add a user</h2>
        <NewUser onAdded={load} />
      </section>
      <Tokens />
    </>
  )
}

interface UserTableProps {
  readonly users: readonly UserView[]
  /** Undefined removes the user. */
  readonly onChange: (name: string, changes: UserChangeRequest | undefined) => void
}

function UserTable({ users, onChange }: UserTableProps) {
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">Name</th>
          <th scope="col">Role</th>
          <th scope="col">Second factor</th>
          <th scope="col">Last login</th>
          <th scope="col">
            <span class="unseen">Change</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {users.map((user) => (
          <UserRow key={user.name} user={user} onChange={(changes) => onChange(user.name, changes)} />
        ))}
      </tbody>
    </table>
  )
}

interface UserRowProps {
  readonly user: UserView
  readonly onChange: (changes: UserChangeRequest | undefined) => void
}

function UserRow({ user, onChange }: UserRowProps) {
  const { name, role, disabled, secondFactor, lastLogin } = user
  return (
    <tr>
      <th scope="row">
        {name} {disabled && <span class="badge bad">disabled</span>}
      </th>
      <td>
        <select
          aria-label={`Role of ${name}`}
          value={role}
          onChange={(event) => onChange({ role: event.currentTarget.value as RoleWord })}
        >
          {ROLE_CHOICES.map(([word]) => (
            <option key={word} value={word} selected={word === role}>
              {word}
            </option>
          ))}
        </select>
      </td>
      <td>{secondFactor ? 'on' : 'off'}</td>
      <td>{lastLogin === null ? 'never' : time(lastLogin)}</td>
      <td>
        <div class="row">
          <button
            type="button"
            aria-label={`${disabled ? 'Enable' : 'Disable'} ${name}`}
            onClick={() => onChange({ disabled: !disabled })}
          >
            {disabled ? 'Enable' : 'Disable'}
          </button>
          {secondFactor && (
            <ConfirmButton
              question={`Turn the second factor of ${name} off?`}
              onConfirm={() => onChange({ secondFactor: false })}
            >
              Second factor off<span class="unseen"> for {name}</span>
            </ConfirmButton>
          )}
          <ConfirmButton question={`Remove ${name}?`} onConfirm={() => onChange(undefined)}>
            Remove<span class="unseen"> {name}</span>
          </ConfirmButton>
        </div>
      </td>
    </tr>
  )
}

function NewUser({ onAdded }: { readonly onAdded: () => Promise<void> }) {
  const [name, setName] = useState('')
  const [password, setPassword] = useState('')
  const [role, setRole] = useState<string>('viewer')
  const send = async (): Promise<void> => {
    await ask('POST', USERS, { name, password, role })
    setName('')
    setPassword('')
    await onAdded()
  }
  return (
    <Form verb="Add" onSend={send} isRow>
      <Field label="Name" value={name} onValue={setName} autocomplete="off" maxLength={64} />
      <Field label="Password" type="password" value={password} onValue={setPassword} autocomplete="new-password" />
      <Choice label="Role" value={role} words={ROLE_CHOICES} onValue={setRole} />
    </Form>
  )
}
