/** How the node is, on one screen. */
import { bytes, count, duration } from '../format.ts'
import { look, ratesOf, services, sum } from '../live.ts'
import { Figure } from '../parts/figure.tsx'
import { linkTo } from '../route.ts'

export default function Overview() {
  if (look.value === undefined) return <p class="quiet">Waiting for the node…</p>
  const { status } = look.value
  const rates = ratesOf()
  return (
    <>
      <h1>Overview</h1>
      <div class="figures">
        <Figure
          label="Open connections"
          value={count(status.connectionsOpen)}
          note={`of ${count(status.connectionsMax)}`}
        />
        <Figure label="New a second" value={count(rates.newPerSecond)} />
        <Figure label="Refused a second" value={count(rates.refusedPerSecond)} bad={rates.refusedPerSecond > 0} />
        <Figure label="To upstreams" value={`${bytes(rates.toUpstreamPerSecond)}/s`} />
        <Figure label="To clients" value={`${bytes(rates.toClientPerSecond)}/s`} />
        <Figure label="Up for" value={duration(status.uptimeMs)} note={status.engine} />
      </div>
      <section aria-labelledby="services">
        <h2 id="services">Services</h2>
        <Services />
      </section>
    </>
  )
}

function Services() {
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">Service</th>
          <th scope="col">Upstreams</th>
          <th scope="col" class="number">
            Open
          </th>
          <th scope="col" class="number">
            New/s
          </th>
          <th scope="col" class="number">
            Refused
          </th>
        </tr>
      </thead>
      <tbody>
        {services.value.map(({ name, upstreams, connectionsOpen, refused }) => {
          const up = upstreams.filter((upstream) => upstream.up).length
          return (
            <tr key={name}>
              <th scope="row">
                <a href={linkTo('services', name)}>{name}</a>
              </th>
              <td>
                <span class={up === 0 ? 'badge bad' : up < upstreams.length ? 'badge warn' : 'badge good'}>
                  {up} of {upstreams.length} up
                </span>
              </td>
              <td class="number">{count(connectionsOpen)}</td>
              <td class="number">{count(ratesOf(name).newPerSecond)}</td>
              <td class="number">{count(sum(Object.values(refused)))}</td>
            </tr>
          )
        })}
      </tbody>
    </table>
  )
}
