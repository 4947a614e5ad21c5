/** Closed-loop HTTP load by wrk, one thread, its report as numbers. */
import { fileURLToPath } from 'node:url'
import { BenchFailure } from '../run/failure.ts'
import { LOOPBACK } from '../run/ports.ts'
import { runToEnd } from '../run/processes.ts'

export interface WrkLoad {
  readonly port: number
  readonly path: string
  readonly connections: number
  readonly seconds: number
  /** A new connection for each request. */
  readonly closeEach: boolean
  readonly cpus: string | undefined
}

export interface WrkReport {
  readonly requests: number
  readonly bytes: number
  readonly seconds: number
  readonly connectErrors: number
  readonly readErrors: number
  readonly writeErrors: number
  readonly statusErrors: number
  readonly timeouts: number
}

const REPORT_SCRIPT = fileURLToPath(new URL('wrk-report.lua', import.meta.url))
/** Of failed requests: more, and the round measures something else than it says. */
const ERROR_SHARE_MAX = 0.001

export async function runWrk(load: WrkLoad): Promise<WrkReport> {
  const command = ['wrk', '-t1', `-c${load.connections}`, `-d${load.seconds}s`, '--timeout', '5s', '-s', REPORT_SCRIPT]
  if (load.closeEach) command.push('-H', 'Connection: close')
  command.push(`http://${LOOPBACK}:${load.port}${load.path}`)
  const output = await runToEnd(command, load.cpus, (load.seconds + 15) * 1000)
  const json = /^JSON (.*)$/m.exec(output)
  if (json === null) throw new BenchFailure(`wrk printed no report:\n${output}`)
  const report = JSON.parse(json[1]) as WrkReport
  refuseErrors(report, load)
  return report
}

/** A round of bulk may end before one file is complete, so bytes and not requests show that something came. */
function refuseErrors(report: WrkReport, load: WrkLoad): void {
  const { connectErrors, readErrors, writeErrors, statusErrors, timeouts } = report
  const errors = connectErrors + readErrors + writeErrors + statusErrors + timeouts
  if (report.bytes > 0 && errors <= report.requests * ERROR_SHARE_MAX) return
  throw new BenchFailure(`wrk on ${load.path} met errors: ${JSON.stringify(report)}`)
}
