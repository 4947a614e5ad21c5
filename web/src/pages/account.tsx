/** What is your own: password, second factor, and where you are logged in. */
import { useEffect, useState } from 'preact/hooks'
import type { RecoveryCodesAnswer, SecondFactorAnswer, SessionsAnswer } from '../../../src/api/contract.ts'
import { ask, get } from '../api.ts'
import { time } from '../format.ts'
import { ConfirmButton } from '../parts/confirm-button.tsx'
import { Field } from '../parts/field.tsx'
import { Form } from '../parts/form.tsx'
import { QrCode } from '../parts/qr-code.tsx'
import { loadSession, session } from '../session.ts'

const SESSIONS = '/api/v1/account/sessions'
const SECOND_FACTOR = '/api/v1/account/second-factor'

export default function Account() {
  const identity = session.value?.identity
  if (identity?.kind !== 'user') return <p>A token has no account.</p>
  return (
    <>
      <h1>{identity.who}</h1>
      <p class="quiet">Your role is {identity.role}.</p>
      <Password />
      <SecondFactor />
      <Sessions />
    </>
  )
}

function Password() {
  const [from, setFrom] = useState('')
  const [to, setTo] = useState('')
  const [again, setAgain] = useState('')
  const [isDone, setDone] = useState(false)
  const send = async (): Promise<void> => {
    setDone(false)
    if (to !== again) throw new Error('The two new passwords differ.')
    await ask('PUT', '/api/v1/account/password', { from, to })
    for (const clear of [setFrom, setTo, setAgain]) clear('')
    setDone(true)
  }
  return (
    <section aria-labelledby="password">
      <h2 id="password">Password</h2>
      <Form verb="Change password" onSend={send}>
        <Field label="Now" type="password" value={from} onValue={setFrom} autocomplete="current-password" />
        <Field
          label="New"
          type="password"
          value={to}
          onValue={setTo}
          autocomplete="new-password"
          note="At least 10 characters; a few words do well."
        />
        <Field label="New, once more" type="password" value={again} onValue={setAgain} autocomplete="new-password" />
      </Form>
      <p role="status">{isDone && 'Changed. All other sessions of yours have ended.'}</p>
    </section>
  )
}

function SecondFactor() {
  const [codes, setCodes] = useState<readonly string[] | undefined>()
  const left = session.value?.recoveryCodesLeft ?? null
  return (
    <section aria-labelledby="second-factor">
      <h2 id="second-factor">
        Second factor <span class={left === null ? 'badge' : 'badge good'}>{left === null ? 'off' : 'on'}</span>
      </h2>
      {codes !== undefined && <RecoveryCodes codes={codes} />}
      {left === null ? <TurnOn onDone={setCodes} /> : <TurnOff left={left} onDone={() => setCodes(undefined)} />}
    </section>
  )
}

function TurnOn({ onDone }: { readonly onDone: (codes: readonly string[]) => void }) {
  const [password, setPassword] = useState('')
  const [offer, setOffer] = useState<SecondFactorAnswer | undefined>()
  const [code, setCode] = useState('')
  const begin = async (): Promise<void> => {
    setOffer(await ask<SecondFactorAnswer>('POST', SECOND_FACTOR, { password }))
    setPassword('')
  }
  const confirm = async (): Promise<void> => {
    const { recoveryCodes } = await ask<RecoveryCodesAnswer>('PUT', SECOND_FACTOR, { code })
    onDone(recoveryCodes)
    await loadSession()
  }
  if (offer === undefined) {
    return (
      <>
        <p>With it a login needs a code of an authenticator app, besides the password.</p>
        <Form verb="Turn on" onSend={begin}>
          <Field
            label="Your password"
            type="password"
            value={password}
            onValue={setPassword}
            autocomplete="current-password"
          />
        </Form>
      </>
    )
  }
  return (
    <>
      <p>Scan this with your app, or type the secret into it. Then give the code that it shows.</p>
      <QrCode text={offer.uri} label="The secret as a QR code; it stands below as text" />
      <p>
        <code class="secret">{offer.secret}</code>
      </p>
      <Form verb="Confirm" onSend={confirm}>
        <Field label="Code" value={code} onValue={setCode} autocomplete="one-time-code" inputMode="numeric" />
      </Form>
    </>
  )
}

function TurnOff({ left, onDone }: { readonly left: number; readonly onDone: () => void }) {
  const [password, setPassword] = useState('')
  const send = async (): Promise<void> => {
    await ask('DELETE', SECOND_FACTOR, { password })
    setPassword('')
    onDone()
    await loadSession()
  }
  return (
    <>
      <p>
        {left} recovery codes are left. {left < 4 && 'Turn it off and on again to have new ones.'}
      </p>
      <Form verb="Turn off" onSend={send}>
        <Field
          label="Your password"
          type="password"
          value={password}
          onValue={setPassword}
          autocomplete="current-password"
        />
      </Form>
    </>
  )
}

function RecoveryCodes({ codes }: { readonly codes: readonly string[] }) {
  return (
    <div class="banner warn" role="status">
      <p>
        Keep these recovery codes where the app is not. Each works once, instead of a code. They are not shown again.
      </p>
      <ul class="codes">
        {codes.map((code) => (
          <li key={code}>
            <code>{code}</code>
          </li>
        ))}
      </ul>
    </div>
  )
}

function Sessions() {
  const [sessions, setSessions] = useState<SessionsAnswer['sessions']>([])
  const [problem, setProblem] = useState('')
  const load = (): Promise<void> =>
    get<SessionsAnswer>(SESSIONS).then(
      (answer) => setSessions(answer.sessions),
      (error: Error) => setProblem(error.message),
    )
  useEffect(() => void load(), [])
  const end = async (path: string): Promise<void> => {
    await ask('DELETE', path).catch((error: Error) => setProblem(error.message))
    await load()
  }
  return (
    <section aria-labelledby="sessions">
      <h2 id="sessions">Where you are logged in</h2>
      <p class="bad-text" role="alert">
        {problem}
      </p>
      <table>
        <thead>
          <tr>
            <th scope="col">From</th>
            <th scope="col">Since</th>
            <th scope="col">Last seen</th>
            <th scope="col">
              <span class="unseen">End</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {sessions.map(({ id, from, since, lastSeen, isThis }) => (
            <tr key={id}>
              <th scope="row">
                {from} {isThis && <span class="badge good">this one</span>}
              </th>
              <td>{time(since)}</td>
              <td>{time(lastSeen)}</td>
              <td>
                {!isThis && (
                  <ConfirmButton
                    question={`End the session from ${from}?`}
                    onConfirm={() => void end(`${SESSIONS}/${id}`)}
                  >
                    End<span class="unseen"> the session from {from}</span>
                  </ConfirmButton>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <p>
        <ConfirmButton question="Log out everywhere, and here?" onConfirm={() => void end(SESSIONS)}>
          Log out everywhere
        </ConfirmButton>
      </p>
    </section>
  )
}
