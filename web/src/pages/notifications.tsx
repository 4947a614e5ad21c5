/**
 * Who is told of what, how that goes, and a test. What others wrote stands in text nodes only. Its tables are wide: who
 * has only a keyboard scrolls them by focusing their section.
 */
import { useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import type {
  NotificationChannel,
  NotificationDelivery,
  NotificationRule,
  NotificationsAnswer,
  NotificationTestAnswer,
} from '../../../src/api/contract.ts'
import { type ApiError, ask } from '../api.ts'
import { time } from '../format.ts'
import { asApiError, useAnswer } from '../parts/answer.ts'
import { Problem } from '../parts/notice.tsx'
import { may } from '../session.ts'

const ASK_EVERY_MS = 5_000
/** A literal: of the contract only types are in the dashboard. */
const PATH = '/api/v1/notifications'

export default function Notifications() {
  const { answer, problem, again } = useAnswer<NotificationsAnswer>(PATH, ASK_EVERY_MS)
  return (
    <>
      <h1>Notifications</h1>
      <Problem problem={problem} />
      {answer === undefined ? (
        problem === undefined && <p class="quiet">Loading…</p>
      ) : answer.channels.length === 0 ? (
        <Nobody />
      ) : (
        <>
          <Channels channels={answer.channels} onTested={again} />
          <Rules rules={answer.rules} />
          <Deliveries deliveries={answer.deliveries} />
        </>
      )}
    </>
  )
}

function Nobody() {
  return (
    <section>
      <p>
        Nobody is told when a service is attacked or an upstream goes down. Add a receiver and a rule to{' '}
        <code>notify</code> in the configuration, for example:
      </p>
      <pre tabIndex={0} role="region" aria-label="An example">{`notify:
  webhooks:
    - { name: ops, url: 'https://hooks.example.com/tidegate', secret: '\${HOOK_SECRET}' }
  rules:
    - { when: attack }
    - { when: upstream }`}</pre>
    </section>
  )
}

interface ChannelsProps {
  readonly channels: readonly NotificationChannel[]
  readonly onTested: () => void
}

function useTest(onTested: () => void) {
  /** The channel that is tested now; empty for all. */
  const testing = useSignal<string | undefined>(undefined)
  const results = useSignal<NotificationTestAnswer['results']>([])
  const problem = useSignal<ApiError | undefined>(undefined)
  const test = async (channel?: string): Promise<void> => {
    testing.value = channel ?? ''
    results.value = []
    problem.value = undefined
    try {
      const body = channel === undefined ? {} : { channel }
      results.value = (await ask<NotificationTestAnswer>('POST', `${PATH}/test`, body)).results
    } catch (error) {
      problem.value = asApiError(error)
    }
    testing.value = undefined
    onTested()
  }
  return { testing, results, problem, test }
}

function Channels({ channels, onTested }: ChannelsProps) {
  const { testing, results, problem, test } = useTest(onTested)
  const mayTest = may('operator')
  return (
    <section aria-labelledby="channels" tabIndex={0}>
      <h2 id="channels">Who is told</h2>
      <table>
        <thead>
          <tr>
            <th scope="col">Channel</th>
            <th scope="col">To</th>
            <th scope="col" class="number">
              Sent
            </th>
            <th scope="col" class="number">
              Waiting
            </th>
            <th scope="col" class="number">
              Given up
            </th>
            <th scope="col">Last sent</th>
            <th scope="col">Last error</th>
            {mayTest && <th scope="col">Test</th>}
          </tr>
        </thead>
        <tbody>
          {channels.map((channel) => (
            <ChannelRow key={channel.name} channel={channel}>
              {mayTest && (
                <td>
                  <TestButton testing={testing.value} channel={channel.name} onTest={test} />
                </td>
              )}
            </ChannelRow>
          ))}
        </tbody>
      </table>
      {mayTest && (
        <p>
          <TestButton testing={testing.value} onTest={test} />
        </p>
      )}
      <Problem problem={problem.value} />
      <Tested results={results.value} />
    </section>
  )
}

interface TestButtonProps {
  readonly testing: string | undefined
  /** Without one all are tested. */
  readonly channel?: string
  readonly onTest: (channel?: string) => Promise<void>
}

function TestButton({ testing, channel, onTest }: TestButtonProps) {
  const [label, word] = channel === undefined ? [undefined, 'Test all'] : [`Test ${channel}`, 'Test']
  return (
    <button type="button" aria-label={label} disabled={testing !== undefined} onClick={() => void onTest(channel)}>
      {testing === (channel ?? '') ? 'Sending…' : word}
    </button>
  )
}

interface ChannelRowProps {
  readonly channel: NotificationChannel
  readonly children: ComponentChildren
}

function ChannelRow({ channel, children }: ChannelRowProps) {
  const { name, type, to, sent, waiting, failed, lastSent, lastError } = channel
  return (
    <tr>
      <th scope="row">{name}</th>
      <td>
        {to} <span class="badge">{type}</span>
      </td>
      <td class="number">{sent}</td>
      <td class="number">{waiting}</td>
      <td class="number">{failed}</td>
      <td>{lastSent === null ? 'never' : time(lastSent)}</td>
      <td>{lastError === null ? '–' : `${time(lastError.at)}: ${lastError.text}`}</td>
      {children}
    </tr>
  )
}

/** A screen reader says it when it comes. */
function Tested({ results }: { readonly results: NotificationTestAnswer['results'] }) {
  return (
    <div role="status">
      {results.map(({ channel, ok, ms, error }) => (
        <p key={channel} class={ok ? undefined : 'bad-text'}>
          {ok ? `${channel} took the test after ${ms} ms.` : `${channel} did not take the test: ${error}`}
        </p>
      ))}
    </div>
  )
}

function Rules({ rules }: { readonly rules: readonly NotificationRule[] }) {
  return (
    <section aria-labelledby="rules" tabIndex={0}>
      <h2 id="rules">What is told</h2>
      {rules.length === 0 ? (
        <p>
          There are no rules, so nothing is told. Add some to <code>notify.rules</code> in the configuration.
        </p>
      ) : (
        <table>
          <thead>
            <tr>
              <th scope="col">Rule</th>
              <th scope="col">When</th>
              <th scope="col">Who</th>
              <th scope="col">Last sent</th>
              <th scope="col">Now</th>
            </tr>
          </thead>
          <tbody>
            {rules.map((rule) => (
              <RuleRow key={rule.name} rule={rule} />
            ))}
          </tbody>
        </table>
      )}
    </section>
  )
}

function RuleRow({ rule }: { readonly rule: NotificationRule }) {
  const { name, about, channels, lastSent, active } = rule
  return (
    <tr>
      <th scope="row">{name}</th>
      <td>{about}</td>
      <td>{channels.length === 0 ? 'everybody' : channels.join(', ')}</td>
      <td>{lastSent === null ? 'never' : time(lastSent)}</td>
      <td>
        {active.length === 0 ? (
          <span class="badge good">quiet</span>
        ) : (
          active.map(({ text, since }) => (
            <div key={text}>
              <span class="badge bad">alarm</span> {text} Since {time(since)}.
            </div>
          ))
        )}
      </td>
    </tr>
  )
}

const BADGES = { sent: 'badge good', waiting: 'badge warn', failed: 'badge bad' } as const

function Deliveries({ deliveries }: { readonly deliveries: readonly NotificationDelivery[] }) {
  return (
    <section aria-labelledby="deliveries" tabIndex={0}>
      <h2 id="deliveries">What was sent</h2>
      {deliveries.length === 0 ? (
        <p class="quiet">Nothing yet, since the daemon was started.</p>
      ) : (
        <table>
          <thead>
            <tr>
              <th scope="col">Time</th>
              <th scope="col">Channel</th>
              <th scope="col">State</th>
              <th scope="col">Message</th>
            </tr>
          </thead>
          <tbody>
            {deliveries.map(({ id, at, channel, state, title, attempts, error }) => (
              <tr key={`${channel} ${id}`}>
                <td>{time(at)}</td>
                <td>{channel}</td>
                <td>
                  <span class={BADGES[state]}>{state}</span>
                </td>
                <td>
                  {title}
                  {error !== null && state !== 'sent' && (
                    <div class="bad-text">
                      {error} ({attempts === 1 ? '1 attempt' : `${attempts} attempts`})
                    </div>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  )
}
