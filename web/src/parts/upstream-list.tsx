/** The upstreams of a service: how they are, how fast, what their checks say; and what an operator wants of them. */
import { useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import type { ServiceStatus, UpstreamStateAnswer, UpstreamStatus, WantedState } from '../../../src/api/contract.ts'
import { ask } from '../api.ts'
import { count, duration, milliseconds, time } from '../format.ts'
import { before } from '../live.ts'
import { recentConnectMs } from '../rates.ts'
import { may } from '../session.ts'
import { changeUpstream } from '../upstream-change.ts'
import { ConfirmButton } from './confirm-button.tsx'
import { UpstreamBadge } from './upstream-badge.tsx'
import { AddUpstream, UpstreamEdit } from './upstream-edit.tsx'

export function UpstreamList({ service }: { readonly service: ServiceStatus }) {
  const said = useSignal<Said | undefined>(undefined)
  const dragged = useSignal<string | undefined>(undefined)
  const tell = (change: Promise<string>): void => {
    void change.then(
      (text) => (said.value = { text, isBad: false }),
      (error: Error) => (said.value = { text: error.message, isBad: true }),
    )
  }
  const want = (upstream: string, state: WantedState): void => {
    tell(post(service.name, upstream, state).then(sentenceOf))
  }
  const { name, upstreams } = service
  const canEdit = may('admin')
  const drop = (position: number): void => {
    const { value: moved } = dragged
    dragged.value = undefined
    if (moved !== undefined && upstreams[position].name !== moved) tell(changeUpstream(name, moved, { position }))
  }
  return (
    <>
      {said.value !== undefined && (
        <p class={said.value.isBad ? 'banner bad said' : 'banner good said'} role="status">
          {said.value.text}
        </p>
      )}
      <ul class="cards">
        {upstreams.map((upstream, i) => (
          <li
            key={upstream.name}
            class={dragged.value === upstream.name ? 'card dragged' : 'card'}
            onDragOver={(event) => {
              if (dragged.value !== undefined) event.preventDefault()
            }}
            onDrop={(event) => (event.preventDefault(), drop(i))}
          >
            {canEdit && upstreams.length > 1 && (
              <Handle onStart={() => (dragged.value = upstream.name)} onEnd={() => (dragged.value = undefined)} />
            )}
            <UpstreamCard service={name} upstream={upstream} want={want} />
            {canEdit && (
              <UpstreamEdit service={name} upstream={upstream} position={i} count={upstreams.length} tell={tell} />
            )}
          </li>
        ))}
      </ul>
      {canEdit && <AddUpstream service={name} onAdded={(text) => (said.value = { text, isBad: false })} />}
    </>
  )
}

interface Said {
  readonly text: string
  readonly isBad: boolean
}

/** For the mouse; the keyboard has Earlier and Later. */
function Handle({ onStart, onEnd }: { readonly onStart: () => void; readonly onEnd: () => void }) {
  return (
    <span
      class="handle"
      draggable
      title="Drag to another place"
      aria-hidden="true"
      onDragStart={onStart}
      onDragEnd={onEnd}
    >
      ⠿
    </span>
  )
}

interface UpstreamCardProps {
  readonly service: string
  readonly upstream: UpstreamStatus
  readonly want: (upstream: string, state: WantedState) => void
}

function UpstreamCard({ service, upstream, want }: UpstreamCardProps) {
  const { name, addresses, connectionsOpen, connects, connectFailures, connectMsMean, weight, backup } = upstream
  const then = before.value?.status.services
    .find((one) => one.name === service)
    ?.upstreams.find((one) => one.name === name)
  const recent = recentConnectMs(then, upstream)
  return (
    <>
      <h3>
        {name} <UpstreamBadge upstream={upstream} /> {backup && <span class="badge">backup</span>}
      </h3>
      <p class="mono quiet">
        {addresses.length === 0 && 'no address'}
        {addresses.map(({ address, failedRecently }, i) => (
          <span key={address}>
            {i > 0 && ', '}
            {address}
            {failedRecently && <span class="badge bad">failed just now</span>}
          </span>
        ))}
      </p>
      <dl class="facts">
        <Fact name="Open">{count(connectionsOpen)}</Fact>
        <Fact name="Weight">{weight}</Fact>
        <Fact name="Connects">{count(connects)}</Fact>
        <Fact name="Failed">{count(connectFailures)}</Fact>
        <Fact name="Connect takes">
          {connectMsMean === null ? '–' : milliseconds(connectMsMean)}
          {recent !== undefined && <span class="quiet"> (now {milliseconds(recent)})</span>}
        </Fact>
      </dl>
      <LastCheck upstream={upstream} />
      {may('operator') && <Wanted upstream={upstream} want={(state) => want(name, state)} />}
    </>
  )
}

function Fact({ name, children }: { readonly name: string; readonly children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  )
}

function LastCheck({ upstream: { check, ejected, ejectedForMs } }: { readonly upstream: UpstreamStatus }) {
  return (
    <>
      {ejected && (
        <p class="bad-text">Taken out because connects failed; it gets clients again in {duration(ejectedForMs)}.</p>
      )}
      {check === null ? (
        <p class="quiet">
          No check has ended yet. Where the service has none, <code>check</code> in the configuration adds it.
        </p>
      ) : (
        <p>
          Last check: <span class={check.result === 'up' ? 'badge good' : 'badge bad'}>{check.result}</span> in{' '}
          {milliseconds(check.ms)}, {time(check.at)}
          <br />
          <span class={check.result === 'up' ? 'quiet' : 'bad-text'}>{check.reason}</span>
        </p>
      )}
    </>
  )
}

interface WantedProps {
  readonly upstream: UpstreamStatus
  readonly want: (state: WantedState) => void
}

function Wanted({ upstream: { name, wanted, connectionsOpen }, want }: WantedProps) {
  return (
    <div class="row" role="group" aria-label={`What is wanted of ${name}`}>
      {(['up', 'drain'] as const).map((state) => (
        <button
          key={state}
          type="button"
          aria-disabled={wanted === state}
          onClick={() => {
            if (wanted !== state) want(state)
          }}
        >
          {state === 'up' ? 'Up' : 'Drain'}
          <span class="unseen"> {name}</span>
        </button>
      ))}
      <ConfirmButton
        disabled={wanted === 'down'}
        question={`Take ${name} down, with ${count(connectionsOpen)} open?`}
        onConfirm={() => want('down')}
      >
        Down<span class="unseen"> {name}</span>
      </ConfirmButton>
    </div>
  )
}

function post(service: string, upstream: string, state: WantedState): Promise<UpstreamStateAnswer> {
  const path = `/api/v1/services/${encodeURIComponent(service)}/upstreams/${encodeURIComponent(upstream)}`
  return ask<UpstreamStateAnswer>('POST', path, { state })
}

function sentenceOf({ upstream, from, stored, closes, usableLeft }: UpstreamStateAnswer): string {
  const was = from === upstream.wanted ? 'already' : `now, it was ${from}`
  const ends = closes ? ' Its open connections are being ended.' : ''
  const left = usableLeft === 0 ? ' No upstream is left for new clients.' : ''
  const kept = stored ? '' : ' It holds until the next start only: stateDir cannot be written.'
  return `${upstream.name} is ${upstream.wanted} ${was}.${ends}${left}${kept}`
}
