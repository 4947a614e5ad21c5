/** Behind the set-up link: the first admin. The secret is in the part of the address that is never sent. */
import { useEffect, useState } from 'preact/hooks'
import { Field } from './parts/field.tsx'
import { Form } from './parts/form.tsx'
import { linkTo } from './route.ts'
import { setUp } from './session.ts'

export function SetUp({ secret }: { readonly secret: string }) {
  const [name, setName] = useState('')
  const [password, setPassword] = useState('')
  const [again, setAgain] = useState('')
  useEffect(() => {
    document.title = 'Set up · Tidegate'
  }, [])
  const send = async (): Promise<void> => {
    if (password !== again) throw new Error('The two passwords differ.')
    await setUp(secret, name, password)
    // The link is used up; it need not stay in the history.
    location.replace(linkTo('overview'))
  }
  return (
    <main class="door">
      <h1>
        <img src="./icon.svg" alt="" width={32} height={32} /> Set up Tidegate
      </h1>
      <section aria-label="The first admin">
        <p>Choose the name and password of the first admin. Others can be added later.</p>
        <Form verb="Make this admin" onSend={send}>
          <Field label="Name" value={name} onValue={setName} autocomplete="username" maxLength={64} />
          <Field
            label="Password"
            type="password"
            value={password}
            onValue={setPassword}
            autocomplete="new-password"
            note="At least 10 characters; a few words do well."
          />
          <Field label="The same again" type="password" value={again} onValue={setAgain} autocomplete="new-password" />
        </Form>
      </section>
      <p class="quiet">
        Somebody did that already? <a href={linkTo('overview')}>Log in</a>.
      </p>
    </main>
  )
}
