/** How the node is, on one screen. */
import { bytes, count, duration } from '../format.ts'
import { look, ratesOf, reasonsOf, services } from '../live.ts'
import { AttackBanner } from '../parts/attack-banner.tsx'
import { Figure } from '../parts/figure.tsx'
import { NoServices } from '../parts/no-services.tsx'
import { ReasonTable } from '../parts/reason-table.tsx'
import { ServiceTable } from '../parts/service-table.tsx'
import { Statistics } from '../parts/statistics.tsx'
import { UpstreamBadge } from '../parts/upstream-badge.tsx'
import { linkTo } from '../route.ts'

export default function Overview() {
  if (look.value === undefined) return <p class="quiet">Waiting for the node…</p>
  return (
    <>
      <h1>Overview</h1>
      <AttackBanner />
      <Overloaded />
      <Figures />
      <section aria-labelledby="services">
        <h2 id="services">Services</h2>
        {services.value.length === 0 ? <NoServices /> : <ServiceTable services={services.value} />}
      </section>
      <Statistics />
      <div class="side-by-side">
        <section aria-labelledby="refused">
          <h2 id="refused">Refused clients</h2>
          <Refused />
        </section>
        <section aria-labelledby="health">
          <h2 id="health">Upstreams that need a look</h2>
          <Health />
        </section>
      </div>
    </>
  )
}

function Figures() {
  const rates = ratesOf()
  const { connectionsOpen, connectionsMax, uptimeMs, engine, state } = look.value!.status
  return (
    <div class="figures">
      <Figure label="Open connections" value={count(connectionsOpen)} note={`of ${count(connectionsMax)}`} />
      <Figure label="New a second" value={count(rates.newPerSecond)} />
      <Figure label="Refused a second" value={count(rates.refusedPerSecond)} bad={rates.refusedPerSecond > 0} />
      <Figure label="To upstreams" value={`${bytes(rates.toUpstreamPerSecond)}/s`} />
      <Figure label="To clients" value={`${bytes(rates.toClientPerSecond)}/s`} />
      <Figure label="Up for" value={duration(uptimeMs)} note={`${state}, engine ${engine}`} />
    </div>
  )
}

function Overloaded() {
  const { level, causes } = look.value!.status.overload
  if (level === 0) return null
  return (
    <p class="banner warn" role="alert">
      <b>Overload level {level} of 4</b>: {Object.keys(causes).join(', ')}. Clients that are known from before come
      first.
    </p>
  )
}

function Refused() {
  const rows = reasonsOf(({ refused }) => refused)
  if (rows.length > 0) return <ReasonTable caption="Refused clients by reason" rows={rows} />
  return (
    <p class="quiet">
      Nobody was refused since the start. Limits and lists are set in <code>protect</code> of the configuration; with{' '}
      <code>watch</code> they only count.
    </p>
  )
}

function Health() {
  const unwell = services.value.flatMap(({ name, upstreams }) =>
    upstreams.filter(({ up, wanted }) => !up || wanted !== 'up').map((upstream) => ({ service: name, upstream })),
  )
  if (unwell.length === 0) return <p class="quiet">None: all upstreams are up, and wanted so.</p>
  return (
    <ul class="plain">
      {unwell.map(({ service, upstream }) => (
        <li key={`${service} ${upstream.name}`}>
          <a href={linkTo('services', service)}>
            {service} / {upstream.name}
          </a>{' '}
          <UpstreamBadge upstream={upstream} />
          {upstream.check?.result === 'down' && <div class="quiet">{upstream.check.reason}</div>}
        </li>
      ))}
    </ul>
  )
}
