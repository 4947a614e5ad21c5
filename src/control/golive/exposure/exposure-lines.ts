/** The log lines about what strangers get from upstreams. `event` and the fields are a contract (docs/log-events.md). */
import type { Log } from '../../log/log.ts'
import type { ExposureFinding } from './exposure-findings.ts'
import type { ExposureReport } from './report.ts'

export function sayExposed(log: Log, service: string, vantage: string, { host, ports }: ExposureReport): void {
  const open = openPorts({ ports })
  const sentence = `${host}, an upstream of ${service}, answers strangers on ${open.join(', ')}, says ${vantage}.`
  log.say('exposure-open', { service, vantage, host, ports: open }, sentence)
}

export function sayExposureOver(log: Log, service: string, vantage: string, { host }: ExposureReport): void {
  const sentence = `${host}, an upstream of ${service}, does not answer strangers any more, says ${vantage}.`
  log.say('exposure-over', { service, vantage, host }, sentence)
}

export function sayVantageSilent(log: Log, finding: ExposureFinding): void {
  const { service, vantage, host, at: last } = finding
  log.say('vantage-silent', { service, vantage, host, last }, silentText(finding))
}

export function silentText({ service, vantage, host, at }: ExposureFinding): string {
  return `${vantage} looked at ${host}, an upstream of ${service}, regularly, and has not reported since ${at}.`
}

/** That answer strangers, each once. */
export function openPorts({ ports }: Pick<ExposureReport, 'ports'>): number[] {
  return [...new Set(ports.filter(({ verdict }) => verdict === 'open').map(({ port }) => port))]
}
