/** Do upstreams answer strangers? Seen from elsewhere: how to look, and what was reported. */
import type { ExposureEntry, ExposuresAnswer } from '../../../src/api/contract.ts'
import { time } from '../format.ts'
import { services } from '../live.ts'
import type { ToolProps } from '../pages/utilities.tsx'
import { useAnswer } from '../parts/answer.ts'
import { Columns } from '../parts/columns.tsx'
import { Problem } from '../parts/notice.tsx'
import { CommandLine } from './command-line.tsx'
import { queryOf } from './words.ts'

const READ_AGAIN_MS = 60_000

export function Exposure({ service }: ToolProps) {
  const { answer, problem } = useAnswer<ExposuresAnswer>(`/api/v1/exposure${queryOf({ service })}`, READ_AGAIN_MS)
  return (
    <>
      <HowTo service={service} />
      <section aria-labelledby="vantages">
        <h2 id="vantages">Vantages</h2>
        <Problem problem={problem} />
        {answer !== undefined && <Vantages answer={answer} />}
      </section>
      {answer !== undefined && answer.results.length > 0 && (
        <section aria-labelledby="history">
          <h2 id="history">All reports</h2>
          <Entries entries={answer.results} />
        </section>
      )}
    </>
  )
}

function HowTo({ service }: ToolProps) {
  const commands = hostsOf(service).map(([host, ports]) => `tidegate exposure ${host} --ports ${ports.join(',')}`)
  if (commands.length === 0) {
    return (
      <section aria-labelledby="how">
        <h2 id="how">Look from elsewhere</h2>
        <p class="quiet">All upstreams of {service} are on this machine: nobody else reaches them.</p>
      </section>
    )
  }
  const isEncrypted = location.protocol === 'https:'
  const to = isEncrypted ? location.origin : 'https://NODE:9900'
  const send = `--send ${to} --token-file /etc/tidegate/token`
  return (
    <section aria-labelledby="how">
      <h2 id="how">Look from elsewhere</h2>
      <p>
        Our nodes are let in, so they cannot tell. On a machine that is not ours, in no trusted network, with Tidegate
        installed:
      </p>
      {commands.map((command) => (
        <CommandLine key={command} text={`${command} ${send}`} />
      ))}
      <p>Every 4 hours, in its crontab, so that a firewall that falls is noticed, and a vantage that stops, too:</p>
      {commands.map((command, i) => (
        <CommandLine key={command} text={`${7 + (i % 50)} */4 * * *  ${command} ${send}`} />
      ))}
      <p class="quiet">
        The token: one of role viewer for {service} alone is enough for reports, and for little else. Where the node has
        a certificate of its own making, add --fingerprint with what its log says (admin-certificate).
        {!isEncrypted &&
          ' A token travels over TLS only: NODE is an address of this node at which the admin API listens with TLS.'}{' '}
        Without a way to it, write the report with --json, and give the file to tidegate golive --exposure.
      </p>
    </section>
  )
}

/** Upstreams' hosts, each with the ports that the checklist asks for: those that strangers try first, and all of the service. */
function hostsOf(service: string): [host: string, ports: number[]][] {
  const found = services.value.find(({ name }) => name === service)
  const hosts = new Set<string>()
  const ports = new Set([80, 443])
  for (const { address } of found?.upstreams.flatMap(({ addresses }) => addresses) ?? []) {
    const [, host, port] = /^\[?([^\]]*?)\]?:(\d+)$/.exec(address) ?? []
    ports.add(Number(port))
    if (host !== undefined && !isLoopback(host)) hosts.add(host)
  }
  const sorted = [...ports].sort((a, b) => a - b)
  return [...hosts].map((host) => [host, sorted])
}

function isLoopback(host: string): boolean {
  return host === '::1' || host.startsWith('127.')
}

function Vantages({ answer: { vantages } }: { readonly answer: ExposuresAnswer }) {
  if (vantages.length === 0) {
    return <p class="quiet">No vantage has reported yet. Run the command above on a machine elsewhere.</p>
  }
  const silent = vantages.filter((one) => one.silent)
  const exposed = vantages.filter(({ last }) => last.counts && last.verdict === 'open')
  return (
    <>
      {exposed.map(({ vantage, last }) => (
        <p key={last.id} class="banner bad" role="alert">
          {last.report.host} answers strangers on {openPorts(last)}, says {vantage}. Close the ports to all but our
          nodes: the firewall.
        </p>
      ))}
      {silent.map(({ vantage, last }) => (
        <p key={last.id} class="banner warn">
          {vantage} looked at {last.report.host} regularly, and has not reported since {time(last.at)}. Is that machine
          up, is its cron running, and its token still known?
        </p>
      ))}
      <Entries entries={vantages.map(({ last }) => last)} />
    </>
  )
}

const VERDICTS = {
  filtered: ['badge good', 'no answer'],
  closed: ['badge warn', 'refused'],
  open: ['badge bad', 'open'],
  unknown: ['badge', 'unknown'],
} as const

function Entries({ entries }: { readonly entries: readonly ExposureEntry[] }) {
  return (
    <div class="scrolls" role="group" aria-label="Table" tabIndex={0}>
      <table>
        <Columns names={['Saw', 'Upstream', 'Vantage']} />
        <tbody>
          {entries.map((entry) => {
            const [badge, word] = VERDICTS[entry.verdict]
            return (
              <tr key={entry.id}>
                <td>{entry.counts ? <span class={badge}>{word}</span> : <span class="badge">no proof</span>}</td>
                <td>
                  {entry.report.host}
                  {entry.counts && entry.verdict === 'open' && <div>on {openPorts(entry)}</div>}
                </td>
                <td>
                  {entry.vantage}
                  <div class="quiet">
                    {time(entry.at)} from {entry.source}
                  </div>
                  {entry.why !== null && <div class="quiet">{entry.why}</div>}
                </td>
              </tr>
            )
          })}
        </tbody>
      </table>
    </div>
  )
}

function openPorts({ report: { ports } }: ExposureEntry): string {
  return [...new Set(ports.filter(({ verdict }) => verdict === 'open').map(({ port }) => port))].join(', ')
}
