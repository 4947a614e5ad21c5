/** What is known about an address, whether it is let in, and what can be done about it. */
import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import type { AddressFinding, BanChangeAnswer, CheckIpAnswer, KeptListChange } from '../../../src/api/contract.ts'
import { ask } from '../api.ts'
import type { PageProps } from '../pages.ts'
import { asApiError, useAnswer } from '../parts/answer.ts'
import { Empty, Notice, Problem, type Told } from '../parts/notice.tsx'
import { TTL_MS_DEFAULT, TtlField } from '../parts/ttl-field.tsx'
import { goTo, linkTo } from '../route.ts'

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
          <div class="field grows">
            <label for="address">IP address</label>
            <input
              id="address"
              class="mono"
              value={text.value}
              maxLength={100}
              placeholder="192.0.2.1 or 2001:db8::1"
              spellcheck={false}
              autocapitalize="off"
              onInput={({ currentTarget }) => (text.value = currentTarget.value)}
            />
          </div>
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
          <Actions key={answer.address} answer={answer} onDone={again} />
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
  const told = useSignal<Told | undefined>(undefined)
  const run = async (work: () => Promise<Told>): Promise<void> => {
    try {
      told.value = await work()
    } catch (error) {
      told.value = { kind: 'bad', text: asApiError(error).message }
    }
    onDone()
  }
  const ban = async (): Promise<Told> => {
    const body = { prefixes: [address], ttlMs: ttlMs.value, comment: comment.value }
    return banTold(await ask<BanChangeAnswer>('POST', '/api/v1/bans', body), `${address} is banned.`)
  }
  const unban = async (network: string): Promise<Told> => {
    const answer = await ask<BanChangeAnswer>('DELETE', '/api/v1/bans', { prefixes: [network] })
    return banTold(answer, `${network} is banned no more.`)
  }
  const allow = async (): Promise<Told> => {
    const body = { entries: [{ network: address, comment: comment.value, ttlMs: ttlMs.value }] }
    const answer = await ask<KeptListChange>('POST', `/api/v1/lists/allow/${ALLOW_LIST}`, body)
    return listTold(answer, `${address} is on the allow list ${ALLOW_LIST} now.`)
  }
  const takeOff = async (action: string, list: string, network: string): Promise<Told> => {
    const path = `/api/v1/lists/${action}/${encodeURIComponent(list)}`
    return listTold(
      await ask<KeptListChange>('DELETE', path, { networks: [network] }),
      `${network} is off the list ${list}.`,
    )
  }
  const bans = findings.filter(({ code, network }) => code.startsWith('ban') && network !== undefined)
  const kept = findings.flatMap(keptEntryOf)
  return (
    <section aria-labelledby="actions">
      <h2 id="actions">What to do</h2>
      <div class="row">
        <div class="field grows">
          <label for="why">Why</label>
          <input
            id="why"
            value={comment.value}
            maxLength={120}
            onInput={({ currentTarget }) => (comment.value = currentTarget.value)}
          />
        </div>
        <TtlField id="action-ttl" value={ttlMs.value} onChange={(ms) => (ttlMs.value = ms)} />
        <div class="field buttons">
          <button type="button" class="danger" onClick={() => void run(ban)}>
            Ban
          </button>
          <button type="button" onClick={() => void run(allow)}>
            Always let in
          </button>
        </div>
      </div>
      {(bans.length > 0 || kept.length > 0) && (
        <p class="buttons">
          {bans.map(({ network = '' }) => (
            <button key={network} type="button" onClick={() => void run(() => unban(network))}>
              Remove the ban of {network}
            </button>
          ))}
          {kept.map(({ action, list, network }) => (
            <button
              key={`${action} ${list} ${network}`}
              type="button"
              onClick={() => void run(() => takeOff(action, list, network))}
            >
              Take {network} off {list}
            </button>
          ))}
        </p>
      )}
      <Notice told={told.value} />
      <p class="quiet">
        See <a href={linkTo('lists', 'bans')}>all bans</a> and <a href={linkTo('lists', 'all')}>all lists</a>.
      </p>
    </section>
  )
}

/** An entry that can be taken off here: those of files can't. */
function keptEntryOf({ code, list, network }: AddressFinding): { action: string; list: string; network: string }[] {
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
