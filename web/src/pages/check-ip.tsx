/** What is known about an address, whether it is let in, and what can be done about it. */
import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import type { AddressFinding, BanChangeAnswer, CheckIpAnswer, KeptListChange } from '../../../src/api/contract.ts'
import { ask } from '../api.ts'
import type { PageProps } from '../pages.ts'
import { useAnswer } from '../parts/answer.ts'
import { useDoing } from '../parts/doing.ts'
import { Field } from '../parts/field.tsx'
import { Empty, Notice, Problem, type Told } from '../parts/notice.tsx'
import { TTL_MS_DEFAULT, TtlField } from '../parts/ttl-field.tsx'
import { goTo, linkTo } from '../route.ts'
import { may } from '../session.ts'

/** The list that the button of this page keeps. */
const ALLOW_LIST = 'operators'

export default function CheckIp({ rest: [address] }: PageProps) {
  const text = useSignal(address ?? '')
  useEffect(() => {
    text.value = address ?? ''
  }, [address])
  const path = address === undefined ? undefined : `/api/v1/check-ip?address=${encodeURIComponent(address)}`
  const { answer, problem, again } = useAnswer<CheckIpAnswer>(path)
  const submit = (event: SubmitEvent): void => {
    event.preventDefault()
    const wanted = text.value.trim()
    if (wanted === '') return
    if (wanted === address) again()
    else goTo('check-ip', wanted)
  }
  return (
    <>
      <h1>Check IP</h1>
      <section aria-label="Which address">
        <form class="row" onSubmit={submit}>
          <Field
            label="IP address"
            value={text.value}
            onValue={(value) => (text.value = value)}
            maxLength={100}
            placeholder="192.0.2.1 or 2001:db8::1"
            grows
          />
          <div class="field">
            <button type="submit" class="main" disabled={text.value.trim() === ''}>
              Check
            </button>
          </div>
        </form>
        <Problem problem={problem} />
        {address === undefined && (
          <Empty title="Would this address be let in?">
            <p>
              Type one that calls, or that you see in the log: lists, bans, country and network, limits, and what the
              kernel does are looked up.
            </p>
          </Empty>
        )}
      </section>
      {answer !== undefined && (
        <>
          <Verdict answer={answer} />
          {may('operator') && <Actions key={answer.address} answer={answer} onDone={again} />}
        </>
      )}
    </>
  )
}

function Verdict({ answer: { address, verdict, reason, findings } }: { readonly answer: CheckIpAnswer }) {
  const words = {
    allowed: ['good', 'is always let in'],
    refused: ['bad', 'is refused'],
    limits: ['good', 'is let in, as long as limits allow it'],
  } as const
  const [kind, text] = words[verdict]
  return (
    <section aria-labelledby="verdict">
      <h2 id="verdict">
        <span class="mono">{address}</span> <span class={`badge ${kind}`}>{text}</span>
      </h2>
      {reason !== null && (
        <p>
          The reason is <code>{reason}</code>.
        </p>
      )}
      {findings.length === 0 ? (
        <p class="quiet">Nothing else is known about it: it is on no list, not banned, and nobody counts it now.</p>
      ) : (
        <ul class="findings">
          {findings.map((finding) => (
            <li key={`${finding.code} ${finding.text}`}>
              <span class={`badge ${levelOf(finding.code)}`}>{finding.code}</span>{' '}
              <span class="text">{finding.text}</span>
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}

function levelOf(code: string): string {
  if (code === 'allowed') return 'good'
  if (code === 'banned' || code === 'denied' || code === 'dropped-in-kernel') return 'bad'
  return code === 'ban-watched' || code === 'over-limit' || code.endsWith('-rule') ? 'warn' : ''
}

interface ActionsProps {
  readonly answer: CheckIpAnswer
  readonly onDone: () => void
}

function Actions({ answer: { address, findings }, onDone }: ActionsProps) {
  const ttlMs = useSignal(TTL_MS_DEFAULT)
  const comment = useSignal('')
  const { told, run } = useDoing(onDone)
  const how = { comment: comment.value, ttlMs: ttlMs.value }
  const bans = findings.filter(({ code, network }) => code.startsWith('ban') && network !== undefined)
  return (
    <section aria-labelledby="actions">
      <h2 id="actions">What to do</h2>
      <div class="row">
        <Field
          label="Why"
          value={comment.value}
          onValue={(value) => (comment.value = value)}
          required={false}
          maxLength={120}
          grows
        />
        <TtlField value={ttlMs} />
        <div class="field buttons">
          <button type="button" class="danger" onClick={() => void run(() => ban(address, how))}>
            Ban
          </button>
          <button type="button" onClick={() => void run(() => allow(address, how))}>
            Always let in
          </button>
        </div>
      </div>
      <p class="buttons">
        {bans.map(({ network = '' }) => (
          <button key={network} type="button" onClick={() => void run(() => unban(network))}>
            Remove the ban of {network}
          </button>
        ))}
        {findings.flatMap(keptEntryOf).map((entry) => (
          <button key={`${entry.action} ${entry.list}`} type="button" onClick={() => void run(() => takeOff(entry))}>
            Take {entry.network} off {entry.list}
          </button>
        ))}
      </p>
      <Notice told={told.value} />
      <p class="quiet">
        See <a href={linkTo('lists', 'bans')}>all bans</a> and <a href={linkTo('lists', 'all')}>all lists</a>.
      </p>
    </section>
  )
}

interface How {
  readonly comment: string
  readonly ttlMs: number
}

async function ban(address: string, how: How): Promise<Told> {
  return banTold(
    await ask<BanChangeAnswer>('POST', '/api/v1/bans', { prefixes: [address], ...how }),
    `${address} is banned.`,
  )
}

async function unban(network: string): Promise<Told> {
  const answer = await ask<BanChangeAnswer>('DELETE', '/api/v1/bans', { prefixes: [network] })
  return banTold(answer, `${network} is banned no more.`)
}

async function allow(address: string, how: How): Promise<Told> {
  const body = { entries: [{ network: address, ...how }] }
  const answer = await ask<KeptListChange>('POST', `/api/v1/lists/allow/${ALLOW_LIST}`, body)
  return listTold(answer, `${address} is on the allow list ${ALLOW_LIST} now.`)
}

async function takeOff({ action, list, network }: KeptEntry): Promise<Told> {
  const path = `/api/v1/lists/${action}/${encodeURIComponent(list)}`
  const answer = await ask<KeptListChange>('DELETE', path, { networks: [network] })
  return listTold(answer, `${network} is off the list ${list}.`)
}

interface KeptEntry {
  readonly action: string
  readonly list: string
  readonly network: string
}

/** An entry that can be taken off here: those of files can't. */
function keptEntryOf({ code, list, network }: AddressFinding): KeptEntry[] {
  if (list === undefined || network === undefined || !list.startsWith('kept/')) return []
  return [{ action: code === 'allowed' ? 'allow' : 'deny', list: list.slice('kept/'.length), network }]
}

function banTold({ refused: [refused], stored }: BanChangeAnswer, done: string): Told {
  if (refused !== undefined) return { kind: 'warn', text: `${refused.prefix} ${refused.why}.` }
  return stored
    ? { kind: 'good', text: done }
    : { kind: 'warn', text: `${done} This holds until the next start only: it could not be stored.` }
}

function listTold({ refused: [refused], inForce }: KeptListChange, done: string): Told {
  if (refused !== undefined) return { kind: 'warn', text: `${refused.message}.` }
  return inForce
    ? { kind: 'good', text: done }
    : { kind: 'warn', text: `${done} It is not in force yet: the log says why.` }
}
