/** Who are you? The address stays as it is: after the login the page that was asked for comes up. */
import { useEffect, useState } from 'preact/hooks'
import { ApiError } from './api.ts'
import { Field } from './parts/field.tsx'
import { Form } from './parts/form.tsx'
import { logIn, session } from './session.ts'

export function Login() {
  const [name, setName] = useState('')
  const [password, setPassword] = useState('')
  const [code, setCode] = useState('')
  const [needsCode, setNeedsCode] = useState(false)
  useEffect(() => {
    document.title = 'Log in · Tidegate'
  }, [])
  const send = async (): Promise<void> => {
    try {
      await logIn(name, password, code)
    } catch (error) {
      const isAsked = error instanceof ApiError && error.code === 'E_SECOND_FACTOR'
      if (isAsked && !needsCode) return setNeedsCode(true)
      setCode('')
      throw error
    }
  }
  return (
    <main class="door">
      <h1>
        <img src="./icon.svg" alt="" width={32} height={32} /> Tidegate
      </h1>
      <section aria-label="Log in">
        {session.value?.setUpNeeded === true && <NobodyYet />}
        <Form verb="Log in" onSend={send}>
          <Field label="Name" value={name} onValue={setName} autocomplete="username" />
          <Field
            label="Password"
            type="password"
            value={password}
            onValue={setPassword}
            autocomplete="current-password"
          />
          {needsCode && (
            <Field
              label="Code"
              value={code}
              onValue={setCode}
              autocomplete="one-time-code"
              note="Six digits of your authenticator app, or one of your recovery codes."
            />
          )}
        </Form>
      </section>
    </main>
  )
}

function NobodyYet() {
  return (
    <p class="banner warn">
      There is no user yet. The log of the daemon has a link to make the first one; <code>tidegate setup-link</code>{' '}
      prints another.
    </p>
  )
}
