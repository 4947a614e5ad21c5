/** All services, one line each. */
import type { ServiceStatus } from '../../../src/api/contract.ts'
import { bytes, count } from '../format.ts'
import { ratesOf, sum } from '../live.ts'
import { linkTo } from '../route.ts'
import { Columns } from './columns.tsx'

export function ServiceTable({ services }: { readonly services: readonly ServiceStatus[] }) {
  return (
    <table>
      <Columns
        names={[
          'Service',
          'Upstreams',
          { number: 'Open' },
          { number: 'New/s' },
          { number: 'Traffic' },
          { number: 'Refused' },
        ]}
      />
      <tbody>
        {services.map((service) => (
          <Row key={service.name} service={service} />
        ))}
      </tbody>
    </table>
  )
}

function Row({ service: { name, upstreams, connectionsOpen, refused, attack } }: { readonly service: ServiceStatus }) {
  const up = upstreams.filter((upstream) => upstream.up).length
  const { newPerSecond, toUpstreamPerSecond, toClientPerSecond } = ratesOf(name)
  return (
    <tr>
      <th scope="row">
        <a href={linkTo('services', name)}>{name}</a>
        {typeof attack === 'number' && (
          <>
            {' '}
            <span class="badge bad">under attack</span>
          </>
        )}
      </th>
      <td>
        <span class={up === 0 ? 'badge bad' : up < upstreams.length ? 'badge warn' : 'badge good'}>
          {up} of {upstreams.length} up
        </span>
      </td>
      <td class="number">{count(connectionsOpen)}</td>
      <td class="number">{count(newPerSecond)}</td>
      <td class="number">{bytes(toUpstreamPerSecond + toClientPerSecond)}/s</td>
      <td class="number">{count(sum(Object.values(refused)))}</td>
    </tr>
  )
}
