/** What keeps bad clients from a service: whom it refused, whom rules on watch would have, and what the detector sees. */
import type { WatchedServiceView } from '../../../src/api/contract.ts'
import { useDetector } from '../attack-news.ts'
import { count } from '../format.ts'
import { reasonsOf } from '../live.ts'
import { Columns } from './columns.tsx'
import { ReasonTable } from './reason-table.tsx'

export function Protection({ service }: { readonly service: string }) {
  const refused = reasonsOf((status) => status.refused, service)
  const watched = reasonsOf((status) => status.watched ?? {}, service)
  const seen = useDetector(service)
  return (
    <div class="side-by-side">
      <div>
        <h3>Refused</h3>
        {refused.length > 0 ? (
          <ReasonTable caption={`Clients refused by ${service}`} rows={refused} />
        ) : (
          <p class="quiet">Nobody since the start.</p>
        )}
      </div>
      <div>
        <h3>Would have been refused (rules on watch)</h3>
        {watched.length > 0 ? (
          <>
            <ReasonTable caption={`Clients that rules on watch would have refused`} rows={watched} />
            <p class="quiet">
              They were let in. If these are no clients of yours, set the rule from <code>watch</code> to{' '}
              <code>on</code>.
            </p>
          </>
        ) : (
          <p class="quiet">
            Nobody. To try a limit without refusing anybody, set its <code>rule</code> to <code>watch</code> in{' '}
            <code>protect</code>: what it would have refused is counted here.
          </p>
        )}
      </div>
      <div>
        <h3>Attack detection</h3>
        {seen === undefined ? <p class="quiet">Nothing is known yet.</p> : <Detection seen={seen} />}
      </div>
    </div>
  )
}

function stateOf({ mode, attack, learning }: WatchedServiceView): string {
  if (mode === 'off') return 'attacks are not looked for'
  if (attack !== null) return `attack ${attack} is under way`
  if (mode === 'on') return 'the budgets for strangers hold always'
  return learning ? 'learning what is calm; no attack is called yet' : 'on guard'
}

function Detection({ seen }: { readonly seen: WatchedServiceView }) {
  const { mode, calm, limits, now } = seen
  return (
    <>
      <p>
        Mode <code>{mode}</code>: {stateOf(seen)}.
      </p>
      <table>
        <caption class="unseen">What the detector sees</caption>
        <Columns names={['Kind', { number: 'Now' }, { number: 'When calm' }, { number: 'An attack from' }]} />
        <tbody>
          {Object.keys(limits).map((kind) => (
            <tr key={kind}>
              <th scope="row">{kind}</th>
              <td class={(now[kind] ?? 0) > (limits[kind] ?? Infinity) ? 'number bad-text' : 'number'}>
                {count(now[kind] ?? 0)}
              </td>
              <td class="number">{count(calm[kind] ?? 0)}</td>
              <td class="number">{count(limits[kind] ?? 0)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  )
}
