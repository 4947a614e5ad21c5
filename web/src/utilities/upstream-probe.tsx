/** How does an upstream want to be met? */
import { useState } from 'preact/hooks'
import type { UpstreamProbeAnswer } from '../../../src/api/contract.ts'
import { ask } from '../api.ts'
import { services } from '../live.ts'
import type { ToolProps } from '../pages/utilities.tsx'
import { Field } from '../parts/field.tsx'
import { Form } from '../parts/form.tsx'

type Attempt = UpstreamProbeAnswer['attempts'][number]

export function UpstreamProbe({ service }: ToolProps) {
  const known = addressesOf(service)
  const [target, setTarget] = useState(known[0] ?? '')
  const [name, setName] = useState('')
  const [answer, setAnswer] = useState<UpstreamProbeAnswer>()
  const [isBusy, setBusy] = useState(false)
  const probe = async (): Promise<void> => {
    setAnswer(undefined)
    setBusy(true)
    const body = { target, ...(name === '' ? {} : { name }) }
    try {
      setAnswer(await ask<UpstreamProbeAnswer>('POST', '/api/v1/probes/upstream', body))
    } finally {
      setBusy(false)
    }
  }
  return (
    <>
      <section aria-labelledby="probe">
        <h2 id="probe">Does it take the PROXY protocol?</h2>
        <p class="quiet">
          At most 9 short connections with and without a header: which mode the service needs, who speaks first, how
          long a connect takes.
        </p>
        <Form verb={isBusy ? 'Probing, up to half a minute…' : 'Probe'} onSend={probe}>
          <Field
            label="Upstream"
            value={target}
            onValue={setTarget}
            suggestions={known}
            placeholder="203.0.113.10:443"
          />
          <Field
            label="Name"
            note="What TLS and HTTP are asked for; without it the host."
            required={false}
            value={name}
            onValue={setName}
          />
        </Form>
      </section>
      {answer !== undefined && <Answer answer={answer} />}
    </>
  )
}

function addressesOf(service: string): string[] {
  const found = services.value.find(({ name }) => name === service)
  return [...new Set(found?.upstreams.flatMap(({ addresses }) => addresses.map(({ address }) => address)) ?? [])]
}

function Answer({ answer }: { readonly answer: UpstreamProbeAnswer }) {
  const { target, address, mode, sentence, remedy, speaksFirst, speaksTls, connectMs, attempts } = answer
  return (
    <section aria-labelledby="found">
      <h2 id="found">{target}</h2>
      <p class={mode === null ? 'banner warn' : 'banner good'} role="status">
        {sentence}
      </p>
      {remedy !== null && <p>{remedy}</p>}
      <dl>
        <dt>Mode</dt>
        <dd>{mode === null ? 'unclear' : <code>{mode}</code>}</dd>
        <dt>Address</dt>
        <dd>{address ?? 'none'}</dd>
        <dt>Speaks first</dt>
        <dd>{yesNo(speaksFirst)}</dd>
        <dt>Speaks TLS</dt>
        <dd>{yesNo(speaksTls)}</dd>
        <dt>Connect</dt>
        <dd>{connectMs === null ? 'none stood' : `${connectMs} ms`}</dd>
      </dl>
      {attempts.length > 0 && (
        <div class="scrolls" role="group" aria-label="Table" tabIndex={0}>
          <table>
            <thead>
              <tr>
                <th scope="col">Header</th>
                <th scope="col">Then said</th>
                <th scope="col">Saw</th>
                <th scope="col" class="number">
                  ms
                </th>
              </tr>
            </thead>
            <tbody>
              {attempts.map((attempt) => (
                <tr key={`${attempt.header} ${attempt.said}`}>
                  <td>{attempt.header}</td>
                  <td>{attempt.said}</td>
                  <td>{sightText(attempt)}</td>
                  <td class="number">{attempt.answerMs ?? ''}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  )
}

function yesNo(value: boolean | null): string {
  return value === null ? 'unknown' : value ? 'yes' : 'no'
}

const SIGHTS: Readonly<Record<string, string>> = { closed: 'the end', reset: 'a reset', silent: 'nothing' }

function sightText({ saw }: Attempt): string {
  if (saw.kind === 'unreachable') return `no connection (${saw.code ?? ''})`
  if (saw.kind !== 'bytes') return SIGHTS[saw.kind] ?? saw.kind
  if (saw.as === 'tls') return 'a TLS handshake'
  if (saw.as === 'tls-alert') return 'a TLS alert'
  return saw.as === 'http' ? `HTTP status ${saw.httpStatus ?? ''}` : `“${saw.text ?? ''}”`
}
