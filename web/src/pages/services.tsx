/** All services, and each on a page of its own. */
import type { ServiceStatus } from '../../../src/api/contract.ts'
import { bytes, count } from '../format.ts'
import { look, ratesOf, services } from '../live.ts'
import type { PageProps } from '../pages.ts'
import { AttackBanner } from '../parts/attack-banner.tsx'
import { ConnectionList } from '../parts/connection-list.tsx'
import { Figure } from '../parts/figure.tsx'
import { NoServices } from '../parts/no-services.tsx'
import { Protection } from '../parts/protection.tsx'
import { ServiceTable } from '../parts/service-table.tsx'
import { Statistics } from '../parts/statistics.tsx'
import { UpstreamList } from '../parts/upstream-list.tsx'
import { linkTo } from '../route.ts'
import './services.css'

export default function Services({ rest: [name] }: PageProps) {
  if (look.value === undefined) return <p class="quiet">Waiting for the node…</p>
  if (name === undefined) return <All />
  const service = services.value.find((one) => one.name === name)
  return service === undefined ? <Unknown name={name} /> : <OnePage key={name} service={service} />
}

function All() {
  return (
    <>
      <h1>Services</h1>
      <AttackBanner />
      <section aria-label="All services">
        {services.value.length === 0 ? <NoServices /> : <ServiceTable services={services.value} />}
      </section>
    </>
  )
}

function Unknown({ name }: { readonly name: string }) {
  return (
    <section>
      <h1>There is no service {name}</h1>
      <p>
        It may have been taken out of the configuration. <a href={linkTo('services')}>All services</a>
      </p>
    </section>
  )
}

function OnePage({ service }: { readonly service: ServiceStatus }) {
  const { name, mode, listeners, upstreams } = service
  return (
    <>
      <p class="way">
        <a href={linkTo('services')}>Services</a>
      </p>
      <h1>{name}</h1>
      <p class="quiet">
        Mode <code>{mode}</code>, listens on {listeners.length === 0 && 'nothing yet'}
        {listeners.map((listener, i) => (
          <span key={listener}>
            {i > 0 && ', '}
            <code>{listener}</code>
          </span>
        ))}
      </p>
      <AttackBanner service={name} />
      <Figures service={service} />
      <Statistics service={name} />
      <section aria-labelledby="upstreams">
        <h2 id="upstreams">Upstreams</h2>
        <UpstreamList service={service} />
      </section>
      <section aria-labelledby="protection">
        <h2 id="protection">Protection</h2>
        <Protection service={name} />
      </section>
      <section aria-labelledby="connections">
        <h2 id="connections">Open connections</h2>
        <ConnectionList service={name} upstreams={upstreams.map((upstream) => upstream.name)} />
      </section>
    </>
  )
}

function Figures({ service }: { readonly service: ServiceStatus }) {
  const { name, connectionsOpen, connectionsWaiting, connectionsTotal, bytesToUpstream, bytesToClient } = service
  const rates = ratesOf(name)
  return (
    <div class="figures">
      <Figure
        label="Open connections"
        value={count(connectionsOpen)}
        note={
          connectionsWaiting > 0 ? `${count(connectionsWaiting)} wait for a place` : `${count(connectionsTotal)} in all`
        }
      />
      <Figure label="New a second" value={count(rates.newPerSecond)} />
      <Figure label="Refused a second" value={count(rates.refusedPerSecond)} bad={rates.refusedPerSecond > 0} />
      <Figure
        label="To upstreams"
        value={`${bytes(rates.toUpstreamPerSecond)}/s`}
        note={`${bytes(bytesToUpstream)} in all`}
      />
      <Figure
        label="To clients"
        value={`${bytes(rates.toClientPerSecond)}/s`}
        note={`${bytes(bytesToClient)} in all`}
      />
    </div>
  )
}
