/** Opens or closes a service, now or at a set time; and how its checklist was when it was opened. */
import { useState } from 'preact/hooks'
import type { CutOverAnswer, CutOverRequest, CutOversAnswer, CutOverView } from '../../../src/api/contract.ts'
import { ask } from '../api.ts'
import { duration, time } from '../format.ts'
import type { ToolProps } from '../pages/utilities.tsx'
import { useAnswer } from '../parts/answer.ts'
import { Form } from '../parts/form.tsx'
import { Problem } from '../parts/notice.tsx'
import { may } from '../session.ts'
import { askedOf } from './asked.ts'
import { AskedFields } from './checklist.tsx'
import { countText, ItemList } from './item-list.tsx'

const READ_AGAIN_MS = 5_000

export function CutOver({ service }: ToolProps) {
  const { answer, problem, again } = useAnswer<CutOversAnswer>('/api/v1/cut-overs', READ_AGAIN_MS)
  const [isStored, setStored] = useState(true)
  const change = async (request: CutOverRequest): Promise<void> => {
    const path = `/api/v1/services/${encodeURIComponent(service)}/cut-over`
    const { stored } = await ask<CutOverAnswer>('POST', path, request)
    setStored(stored)
    again()
  }
  const state = answer?.services.find((one) => one.service === service)
  if (state === undefined) return problem === undefined ? <p class="quiet">Reading…</p> : <Problem problem={problem} />
  return (
    <>
      <section aria-labelledby="now">
        <h2 id="now">{service}</h2>
        <StateOf state={state} />
        {!isStored && (
          <p class="banner warn" role="alert">
            It holds until the next start only: the state folder could not be written.
          </p>
        )}
        <Problem problem={problem} />
        {may('operator') && <Switches state={state} change={change} />}
      </section>
      {!state.enabled && may('operator') && <Plan service={service} change={change} />}
      {state.last !== null && <Last last={state.last} />}
    </>
  )
}

function StateOf({ state: { enabled, fileSays, plan } }: { readonly state: CutOverView }) {
  return (
    <>
      <p role="status">
        <span class={enabled ? 'badge good' : 'badge warn'}>{enabled ? 'open' : 'closed'}</span>{' '}
        {enabled ? 'Clients get in.' : 'Its ports are closed: clients get a refusal, as if nothing were there.'}{' '}
        {enabled !== fileSays && `The configuration says enabled: ${fileSays}; this holds until that changes.`}
      </p>
      {plan !== null && (
        <p class={plan.problem === null ? 'banner good' : 'banner bad'}>
          Opens at {time(plan.at)}, {soonText(plan.at)}, as {plan.by} wants it.
          {plan.problem !== null && ` It could not be opened, and is tried again: ${plan.problem}`}
        </p>
      )}
    </>
  )
}

type Change = (request: CutOverRequest) => Promise<void>

function Switches({ state, change }: { readonly state: CutOverView; readonly change: Change }) {
  return (
    <>
      {state.enabled ? (
        <Form verb="Close it to new clients" onSend={() => change({ action: 'disable' })}>
          <p class="quiet">Its ports close at once. Connections that are open go on.</p>
        </Form>
      ) : (
        <Form verb="Open it now" onSend={() => change({ action: 'enable', asked: askedOf(state.service) })}>
          <p class="quiet">Its ports open at once; nothing else notices. The checklist is recorded.</p>
        </Form>
      )}
      {state.plan !== null && (
        <Form verb="Cancel what is planned" onSend={() => change({ action: 'cancel' })}>
          {null}
        </Form>
      )}
    </>
  )
}

function soonText(at: string): string {
  const leftMs = Date.parse(at) - Date.now()
  return leftMs > 0 ? `in ${duration(leftMs)}` : 'which is now'
}

interface PlanProps extends ToolProps {
  readonly change: Change
}

function Plan({ service, change }: PlanProps) {
  const [at, setAt] = useState('')
  return (
    <section aria-labelledby="plan">
      <h2 id="plan">Open it at a set time</h2>
      <Form
        verb="Plan it"
        onSend={() => change({ action: 'plan', at: new Date(at).toISOString(), asked: askedOf(service) })}
      >
        <div class="field">
          <label for="plan-at">Time, in the time zone of this browser</label>
          <input
            id="plan-at"
            type="datetime-local"
            required
            value={at}
            onInput={(event) => setAt(event.currentTarget.value)}
          />
        </div>
        <details>
          <summary>For the checklist that is recorded then</summary>
          <AskedFields service={service} />
        </details>
      </Form>
      <p class="quiet">
        It opens then whatever the checklist says: DNS may have been changed for that minute. What fails is in the log
        and below. Over a restart it holds; what was missed is done at the start.
      </p>
    </section>
  )
}

function Last({ last }: { readonly last: NonNullable<CutOverView['last']> }) {
  const { enabled, at, by, planned, checklist } = last
  return (
    <section aria-labelledby="last">
      <h2 id="last">The last switch</h2>
      <p>
        {enabled ? 'Opened' : 'Closed'} at {time(at)} by {by}
        {planned && ', as planned'}.
      </p>
      {enabled &&
        (checklist === null ? (
          <p class="quiet">The checklist of then is being looked at, or was cut off.</p>
        ) : (
          <>
            <p class="quiet">
              The checklist at {time(checklist.at)}: {countText(checklist.items)}.
            </p>
            <ItemList items={checklist.items} />
          </>
        ))}
    </section>
  )
}
