/** One attack: what, when, how much more than calm, who came most, what was done. */
import type { AttackView } from '../../../src/api/contract.ts'
import { bytes, count, duration } from '../format.ts'
import { sum } from '../live.ts'
import { AddressLink } from '../parts/address-link.tsx'
import { useAnswer } from '../parts/answer.ts'
import { endTitle, kindsTitle, percent } from '../parts/attack-words.ts'
import { Columns } from '../parts/columns.tsx'
import { Since } from '../parts/end.tsx'
import { Figure } from '../parts/figure.tsx'
import { Problem } from '../parts/notice.tsx'
import { linkTo } from '../route.ts'

const ASK_EVERY_MS = 5_000

export function Attack({ id }: { readonly id: string }) {
  const { answer: attack, problem } = useAnswer<AttackView>(`/api/v1/attacks/${encodeURIComponent(id)}`, ASK_EVERY_MS)
  return (
    <>
      <p>
        <a href={linkTo('attacks')}>← All attacks</a>
      </p>
      <h1>Attack no. {id}</h1>
      <Problem problem={problem} />
      {attack !== undefined && <Record attack={attack} />}
    </>
  )
}

function Record({ attack }: { readonly attack: AttackView }) {
  const { service, kinds, start, end, ended, newcomers, refused, served, bansMade } = attack
  const lasted = duration(Date.parse(end ?? attack.updated) - Date.parse(start))
  return (
    <>
      <p>
        <span class={end === null ? 'badge bad' : 'badge'}>{end === null ? 'under way' : 'over'}</span>{' '}
        {kindsTitle(kinds)} on <a href={linkTo('services', service)}>{service}</a>, began <Since at={start} />,{' '}
        {end === null ? `lasts ${lasted} by now` : `lasted ${lasted}: ${endTitle(ended)}`}.
      </p>
      <div class="figures">
        <Figure label="Clients that came" value={count(newcomers)} />
        <Figure label="Refused" value={count(sum(Object.values(refused)))} bad={end === null} />
        <Figure label="Served" value={count(served)} note={bytes(attack.bytes)} />
        <Figure label="Left unused" value={count(attack.unused)} />
        <Figure label="Bans made" value={count(bansMade)} note="on the whole node" />
      </div>
      <section aria-labelledby="peak">
        <h2 id="peak">At its peak, against the calm</h2>
        <Peak attack={attack} />
      </section>
      <section aria-labelledby="done">
        <h2 id="done">What was done</h2>
        <Done attack={attack} />
      </section>
      <div class="columns">
        <Sources title="Addresses" sources={attack.addresses} isChecked />
        <Sources title="Prefixes" sources={attack.prefixes} isChecked />
        <Sources title="Networks (AS)" sources={attack.asns} />
      </div>
    </>
  )
}

function Peak({ attack: { peak, calm, limits } }: { readonly attack: AttackView }) {
  const rows: readonly [string, string, string?, string?][] = [
    ['New connections a second', count(peak['newPerSecond'] ?? 0), ...levels('connection-flood', count)],
    ['Different addresses in 10 s', count(peak['sources'] ?? 0), ...levels('distributed', count)],
    ['Ended unused', percent(peak['unusedShare'] ?? 0), ...levels('unused', percent)],
    ['Different prefixes in 10 s', count(peak['prefixes'] ?? 0)],
    ['Failed connects to upstreams a second', count(peak['connectFailuresPerSecond'] ?? 0)],
    ['Open connections', count(peak['open'] ?? 0)],
  ]
  function levels(kind: string, text: (value: number) => string): [string, string] {
    return [text(calm[kind] ?? 0), text(limits[kind] ?? 0)]
  }
  return (
    <table>
      <Columns names={['What', { number: 'At most' }, { number: 'Calm' }, { number: 'Called above' }]} />
      <tbody>
        {rows.map(([what, ...values]) => (
          <tr key={what}>
            <th scope="row">{what}</th>
            {[0, 1, 2].map((i) => (
              <td key={i} class="number">
                {values[i] ?? '–'}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function Done({ attack: { refused, admitted, newcomers } }: { readonly attack: AttackView }) {
  const reasons = Object.entries(refused).sort(([, a], [, b]) => b - a)
  return (
    <>
      <p>
        Of {count(newcomers)} clients {count(admitted)} were let in. Clients that were useful before keep the ordinary
        limits, strangers have less room until it is over.
      </p>
      {reasons.length === 0 ? (
        <p class="quiet">Nobody was refused.</p>
      ) : (
        <table>
          <Columns names={['Refused for', { number: 'Clients' }]} />
          <tbody>
            {reasons.map(([reason, clients]) => (
              <tr key={reason}>
                <th scope="row" class="mono">
                  {reason}
                </th>
                <td class="number">{count(clients)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </>
  )
}

interface SourcesProps {
  readonly title: string
  readonly sources: AttackView['addresses']
  readonly isChecked?: boolean
}

function Sources({ title, sources, isChecked = false }: SourcesProps) {
  const id = `top-${title}`
  return (
    <section aria-labelledby={id}>
      <h2 id={id}>{title}</h2>
      {sources.length === 0 ? (
        <p class="quiet">
          {isChecked ? 'None stood out.' : 'Unknown without a database of AS numbers (protect.asnDatabase).'}
        </p>
      ) : (
        <table>
          <Columns names={['Source', { number: 'New' }, { number: 'Refused' }]} />
          <tbody>
            {sources.map(({ source, newConnections, refused }) => (
              <tr key={source}>
                <th scope="row">{isChecked ? <AddressLink source={source} /> : source}</th>
                <td class="number">{count(newConnections)}</td>
                <td class="number">{count(refused)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  )
}
