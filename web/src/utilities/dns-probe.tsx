/** Where does a domain lead, until when do old answers live, and what shows an upstream? */
import { useState } from 'preact/hooks'
import type { DnsProbeAnswer } from '../../../src/api/contract.ts'
import { ask } from '../api.ts'
import { duration } from '../format.ts'
import type { ToolProps } from '../pages/utilities.tsx'
import { Columns } from '../parts/columns.tsx'
import { Field } from '../parts/field.tsx'
import { Form } from '../parts/form.tsx'
import { askedOf, setText, textsOf } from './asked.ts'

export function DnsProbe({ service }: ToolProps) {
  const [answer, setAnswer] = useState<DnsProbeAnswer>()
  const [isBusy, setBusy] = useState(false)
  const texts = textsOf(service)
  const probe = async (): Promise<void> => {
    setAnswer(undefined)
    setBusy(true)
    const { domain, addresses, subdomains } = askedOf(service)
    const body = { domain, service, addresses, subdomains }
    try {
      setAnswer(await ask<DnsProbeAnswer>('POST', '/api/v1/probes/dns', body))
    } finally {
      setBusy(false)
    }
  }
  return (
    <>
      <section aria-labelledby="dns">
        <h2 id="dns">Does DNS lead to {service}?</h2>
        <Form verb={isBusy ? 'Looking up, up to half a minute…' : 'Look up'} onSend={probe}>
          <Field
            label="Domain"
            note="What clients look up, such as www.example.com."
            value={texts.domain}
            onValue={(text) => setText(service, 'domain', text)}
          />
          <Field
            label="Service's public addresses"
            note="Only where its listeners do not tell, behind NAT for example."
            required={false}
            value={texts.addresses}
            onValue={(text) => setText(service, 'addresses', text)}
          />
          <Field
            label="More names to look at"
            required={false}
            value={texts.subdomains}
            onValue={(text) => setText(service, 'subdomains', text)}
          />
        </Form>
      </section>
      {answer !== undefined && <Answer answer={answer} />}
    </>
  )
}

const POINTS_TO: Readonly<Record<DnsProbeAnswer['pointsTo'], readonly [banner: string, says: string]>> = {
  service: ['banner good', 'leads to the service and nowhere else'],
  partly: ['banner bad', 'leads to the service, and elsewhere, too'],
  elsewhere: ['banner bad', 'does not lead to the service'],
  nowhere: ['banner bad', 'has no address'],
  unknown: ['banner warn', 'could not be looked up'],
}

function Answer({ answer }: { readonly answer: DnsProbeAnswer }) {
  const { domain, expected, sights, pointsTo, upstreamsShown, problems } = answer
  const [banner, says] = POINTS_TO[pointsTo]
  return (
    <>
      <section aria-labelledby="found">
        <h2 id="found">{domain}</h2>
        <p class={banner} role="status">
          {domain} {says}.{upstreamsShown.length > 0 && ` It shows an upstream: ${upstreamsShown.join(', ')}.`}
        </p>
        <Facts answer={answer} />
        <div class="scrolls" role="group" aria-label="Table" tabIndex={0}>
          <table>
            <Columns names={['Asked', 'Says', { number: 'TTL' }, 'Which is']} />
            <tbody>{sights.flatMap((sight) => rowsOf(sight, expected, upstreamsShown))}</tbody>
          </table>
        </div>
      </section>
      <Leaks answer={answer} />
      {problems.length > 0 && (
        <section aria-labelledby="problems">
          <h2 id="problems">Not answered, and so no proof</h2>
          <ul>
            {problems.map((problem) => (
              <li key={problem}>{problem}</li>
            ))}
          </ul>
        </section>
      )}
    </>
  )
}

function Facts({ answer }: { readonly answer: DnsProbeAnswer }) {
  const { expected, chain, ttlS, oldGoneInS, isRunningOut } = answer
  return (
    <dl>
      <dt>Expected</dt>
      <dd>{expected.join(', ')}</dd>
      {chain.length > 1 && (
        <>
          <dt>By way of</dt>
          <dd>{chain.join(' → ')}</dd>
        </>
      )}
      <dt>TTL</dt>
      <dd>{ttlS === null ? 'unknown' : duration(ttlS * 1000)}</dd>
      {oldGoneInS !== null && (
        <>
          <dt>Old answers</dt>
          <dd>
            {isRunningOut
              ? `are gone in ${duration(oldGoneInS * 1000)} at most`
              : "are still what the domain's own servers say: the change is not made yet"}
          </dd>
        </>
      )}
    </dl>
  )
}

function rowsOf(
  { server, records, problem }: DnsProbeAnswer['sights'][number],
  expected: readonly string[],
  upstreams: readonly string[],
) {
  if (records.length === 0) {
    return [
      <tr key={server}>
        <td>{server}</td>
        <td colSpan={3}>{problem ?? 'no address'}</td>
      </tr>,
    ]
  }
  return records.map(({ address, ttlS }) => (
    <tr key={`${server} ${address}`}>
      <td>{server}</td>
      <td>{address}</td>
      <td class="number">{ttlS} s</td>
      <td>
        {expected.includes(address) ? (
          <span class="badge good">the service</span>
        ) : upstreams.includes(address) ? (
          <span class="badge bad">an upstream</span>
        ) : (
          <span class="badge warn">somebody else</span>
        )}
      </td>
    </tr>
  ))
}

function Leaks({ answer: { leaks, namedUpstreams, looked } }: { readonly answer: DnsProbeAnswer }) {
  return (
    <section aria-labelledby="leaks">
      <h2 id="leaks">Records that show an upstream</h2>
      {namedUpstreams.length > 0 && (
        <p class="banner bad">
          Public DNS knows the name that an upstream is configured by: {namedUpstreams.join(', ')}.
        </p>
      )}
      {leaks.length === 0 ? (
        <p class="quiet">None among the {looked.length} names that were looked at.</p>
      ) : (
        <div class="scrolls" role="group" aria-label="Table" tabIndex={0}>
          <table>
            <Columns names={['Record', 'Shows', 'Of upstream', 'How near']} />
            <tbody>
              {leaks.map(({ name, type, found, upstream, closeness }) => (
                <tr key={`${name} ${type} ${found}`}>
                  <td>
                    {name} {type}
                  </td>
                  <td>{found}</td>
                  <td>{upstream}</td>
                  <td>
                    <span class={closeness === 'address' ? 'badge bad' : 'badge warn'}>
                      {closeness === 'address' ? 'its own address' : 'its network'}
                    </span>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {looked.length > 0 && (
        <details>
          <summary>Names that were looked at</summary>
          <p>{looked.join(', ')}</p>
        </details>
      )}
    </section>
  )
}
