/** The tokens of programs: made here, shown once, taken back. */
import { useEffect, useState } from 'preact/hooks'
import type { NewTokenAnswer, TokensAnswer, TokenView } from '../../../src/api/contract.ts'
import { ask, get } from '../api.ts'
import { time } from '../format.ts'
import { services } from '../live.ts'
import { ConfirmButton } from './confirm-button.tsx'
import { Choice, Field } from './field.tsx'
import { Form } from './form.tsx'

const TOKENS = '/api/v1/tokens'
const DAY_MS = 86_400_000
const ROLES = [
  ['viewer', 'viewer'],
  ['operator', 'operator'],
  ['admin', 'admin'],
] as const
const TIMES = [
  ['30', '30 days'],
  ['90', '90 days'],
  ['365', 'a year'],
  ['0', 'for good'],
] as const

export function Tokens() {
  const [tokens, setTokens] = useState<readonly TokenView[]>([])
  const [made, setMade] = useState<NewTokenAnswer | undefined>()
  const [problem, setProblem] = useState('')
  const say = (error: Error): void => setProblem(error.message)
  const load = async (): Promise<void> => setTokens((await get<TokensAnswer>(TOKENS)).tokens)
  useEffect(() => void load().catch(say), [])
  const remove = async (id: string): Promise<void> => {
    await ask('DELETE', `${TOKENS}/${encodeURIComponent(id)}`).catch(say)
    await load().catch(say)
  }
  const add = async (answer: NewTokenAnswer): Promise<void> => {
    setMade(answer)
    await load()
  }
  return (
    <section aria-labelledby="tokens">
      <h2 id="tokens">Tokens for programs</h2>
      <p class="bad-text" role="alert">
        {problem}
      </p>
      {tokens.length === 0 ? (
        <p>
          None yet. A script sends one as <code>Authorization: Bearer TOKEN</code>.
        </p>
      ) : (
        <TokenTable tokens={tokens} onRemove={(id) => void remove(id)} />
      )}
      {made !== undefined && (
        <div class="banner warn" role="status">
          The token {made.token.name} is not shown again: <code class="secret">{made.secret}</code>
        </div>
      )}
      <h2>Make a token</h2>
      <NewToken onMade={add} />
    </section>
  )
}

interface TokenTableProps {
  readonly tokens: readonly TokenView[]
  readonly onRemove: (id: string) => void
}

function TokenTable({ tokens, onRemove }: TokenTableProps) {
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">Name</th>
          <th scope="col">Role</th>
          <th scope="col">For</th>
          <th scope="col">Until</th>
          <th scope="col">Last used</th>
          <th scope="col">By</th>
          <th scope="col">
            <span class="unseen">Remove</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {tokens.map(({ id, name, role, services: only, until, lastUsed, by }) => (
          <tr key={id}>
            <th scope="row">{name}</th>
            <td>{role}</td>
            <td>{only === null ? 'the whole node' : only.join(', ')}</td>
            <td>{until === null ? 'for good' : time(until)}</td>
            <td>{lastUsed === null ? 'never' : time(lastUsed)}</td>
            <td>{by}</td>
            <td>
              <ConfirmButton question={`Remove token ${name}?`} onConfirm={() => onRemove(id)}>
                Remove<span class="unseen"> token {name}</span>
              </ConfirmButton>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function NewToken({ onMade }: { readonly onMade: (answer: NewTokenAnswer) => Promise<void> }) {
  const [name, setName] = useState('')
  const [role, setRole] = useState<string>('viewer')
  const [days, setDays] = useState<string>('90')
  const [service, setService] = useState('')
  const known = services.value.map((one): [string, string] => [one.name, one.name])
  const send = async (): Promise<void> => {
    const ttl = days === '0' ? {} : { ttlMs: Number(days) * DAY_MS }
    const only = service === '' ? {} : { services: [service] }
    await onMade(await ask<NewTokenAnswer>('POST', TOKENS, { name, role, ...ttl, ...only }))
    setName('')
  }
  return (
    <Form verb="Make" onSend={send} isRow>
      <Field label="Name" value={name} onValue={setName} autocomplete="off" maxLength={64} />
      <Choice label="Role" value={role} words={ROLES} onValue={setRole} />
      <Choice label="For" value={service} words={[['', 'the whole node'], ...known]} onValue={setService} />
      <Choice label="Lasts" value={days} words={TIMES} onValue={setDays} />
    </Form>
  )
}
