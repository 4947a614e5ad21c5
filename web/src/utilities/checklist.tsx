/** The checklist of a service, looked at when the page opens and whenever it is asked for. */
import { useEffect, useState } from 'preact/hooks'
import type { GoliveAnswer } from '../../../src/api/contract.ts'
import { get } from '../api.ts'
import { time } from '../format.ts'
import type { ToolProps } from '../pages/utilities.tsx'
import { Field } from '../parts/field.tsx'
import { Form } from '../parts/form.tsx'
import { askedOf, type AskedTexts, setText, textsOf } from './asked.ts'
import { countText, ItemList } from './item-list.tsx'
import { queryOf } from './words.ts'

export function Checklist({ service }: ToolProps) {
  const [answer, setAnswer] = useState<GoliveAnswer>()
  const [isLooking, setLooking] = useState(false)
  const [problem, setProblem] = useState('')
  const look = async (): Promise<void> => {
    setLooking(true)
    setProblem('')
    const query = queryOf(askedOf(service))
    try {
      setAnswer(await get<GoliveAnswer>(`/api/v1/services/${encodeURIComponent(service)}/golive${query}`))
    } finally {
      setLooking(false)
    }
  }
  useEffect(() => {
    look().catch((error: Error) => setProblem(error.message))
  }, [])
  return (
    <>
      <section aria-labelledby="asked">
        <h2 id="asked">Before clients are sent to {service}</h2>
        <Form verb={isLooking ? 'Looking…' : 'Look now'} onSend={look}>
          <AskedFields service={service} />
        </Form>
      </section>
      <section aria-labelledby="items" aria-busy={isLooking}>
        <h2 id="items">Checklist</h2>
        {problem !== '' && (
          <p class="bad-text" role="alert">
            {problem}
          </p>
        )}
        {answer === undefined ? (
          <p class="quiet" role="status">
            {isLooking ? 'Looking at upstreams, DNS and reports; up to half a minute…' : 'Nobody has looked yet.'}
          </p>
        ) : (
          <>
            <p class="quiet" role="status">
              {isLooking ? 'Looking again…' : `Looked at ${time(answer.at)}: ${countText(answer.items)}.`}
            </p>
            <ItemList items={answer.items} />
          </>
        )}
      </section>
    </>
  )
}

const FIELDS: readonly (readonly [key: keyof AskedTexts, label: string, note: string])[] = [
  ['domain', 'Domain', 'What clients look up. Without it DNS stays unknown.'],
  ['oldAddresses', "Upstream's old addresses", 'From before, which attackers may know; none, if there are none.'],
  ['addresses', "Service's public addresses", 'Only where its listeners do not tell, behind NAT for example.'],
  ['subdomains', 'More names to look at', 'Names that might give the upstream away, beside the common ones.'],
]

/** Also for cut-over, which records the same list. */
export function AskedFields({ service }: ToolProps) {
  const texts = textsOf(service)
  return (
    <>
      {FIELDS.map(([key, label, note]) => (
        <Field
          key={key}
          label={label}
          note={note}
          value={texts[key]}
          required={false}
          onValue={(text) => setText(service, key, text)}
        />
      ))}
    </>
  )
}
