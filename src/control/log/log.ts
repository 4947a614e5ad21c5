/**
 * The log of the daemon: one JSON object a line, or one readable line, through a bounded output.
 * Every event has a name in `event`, which others may rely on, and a sentence in `msg`.
 */
import { pino, type Logger } from 'pino'
import type { Writable } from 'node:stream'
import { BoundedOutput } from './bounded-output.ts'
import { formatTextLine } from './text-line.ts'

export type LogFormat = 'json' | 'text'
export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

export interface LogOptions {
  readonly level: LogLevel
  readonly format: LogFormat
  readonly stream: Writable
  readonly backlogBytesMax?: number
}

export interface Log {
  readonly format: LogFormat
  /** `log.info({ event: 'ready', workers: 2 }, 'A sentence.')` */
  readonly events: Logger
  /** For lines that are made by hand, such as those of the connection log. */
  readonly output: BoundedOutput
}

export function openLog(options: LogOptions): Log {
  const output = new BoundedOutput({
    stream: options.stream,
    dropWarning: (lines) => dropWarning(lines, options.format),
    ...(options.backlogBytesMax === undefined ? {} : { backlogBytesMax: options.backlogBytesMax }),
  })
  const destination =
    options.format === 'json' ? output : { write: (line: string) => output.write(formatTextLine(JSON.parse(line))) }
  const events = pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  )
  return { format: options.format, events, output }
}

function dropWarning(lines: number, format: LogFormat): string {
  const record = {
    level: 'warn',
    time: new Date().toISOString(),
    event: 'log-dropped',
    lines,
    msg: `${lines} log lines were dropped, because the reader of stdout did not keep up.`,
  }
  return format === 'json' ? `${JSON.stringify(record)}\n` : formatTextLine(record)
}
