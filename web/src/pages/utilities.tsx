/** What a service needs before clients are sent to it: one tool at a time, for one service. */
import type { ComponentType } from 'preact'
import { services } from '../live.ts'
import type { PageProps } from '../pages.ts'
import { linkTo, goTo } from '../route.ts'
import { Choice } from '../parts/field.tsx'
import { Checklist } from '../utilities/checklist.tsx'
import { CutOver } from '../utilities/cut-over.tsx'
import { DnsProbe } from '../utilities/dns-probe.tsx'
import { Exposure } from '../utilities/exposure.tsx'
import { Firewall } from '../utilities/firewall.tsx'
import { UpstreamProbe } from '../utilities/upstream-probe.tsx'
import { may } from '../session.ts'
import './utilities.css'

export interface ToolProps {
  readonly service: string
}

/** In the order in which it is done. */
const TOOLS: readonly (readonly [
  path: string,
  title: string,
  tool: ComponentType<ToolProps>,
  needsOperator: boolean,
])[] = [
  ['checklist', 'Checklist', Checklist, true],
  ['upstream', 'Upstream', UpstreamProbe, true],
  ['dns', 'DNS', DnsProbe, true],
  ['firewall', 'Firewall', Firewall, false],
  ['exposure', 'Exposure', Exposure, false],
  ['cut-over', 'Cut-over', CutOver, false],
]

export default function Utilities({ rest: [wanted = 'checklist', name] }: PageProps) {
  const [path, , Tool, needsOperator] = TOOLS.find(([path]) => path === wanted) ?? TOOLS[0]
  const names = services.value.map((service) => service.name)
  const service = names.find((known) => known === name) ?? names[0]
  return (
    <div class="utilities">
      <h1>Utilities</h1>
      <nav class="tools" aria-label="Utilities">
        {TOOLS.map(([tool, title]) => (
          <a
            key={tool}
            href={service === undefined ? linkTo('utilities', tool) : linkTo('utilities', tool, service)}
            aria-current={tool === path ? 'page' : undefined}
          >
            {title}
          </a>
        ))}
      </nav>
      {service === undefined ? (
        <p class="quiet">Waiting for the node…</p>
      ) : (
        <>
          {names.length > 1 && (
            <Choice
              label="Service"
              value={service}
              words={names.map((one) => [one, one])}
              onValue={(chosen) => goTo('utilities', path, chosen)}
            />
          )}
          {/* What was seen of one service says nothing of another. */}
          {needsOperator && !may('operator') ? (
            <p class="banner warn">It connects to upstreams or asks name servers: that is for operators.</p>
          ) : (
            <Tool key={service} service={service} />
          )}
        </>
      )}
    </div>
  )
}
