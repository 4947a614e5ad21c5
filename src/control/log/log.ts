/**
 * The log of the daemon: one JSON object a line, or one readable line, through a bounded output.
 * Every event has a name in `event`, which others may rely on, and a sentence in `msg`.
 */
import { pino } from 'pino'
import type { Writable } from 'node:stream'
import { BoundedOutput } from './bounded-output.ts'
import { LOG_EVENTS, type LogEvent } from './log-events.ts'
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
  /** One line, at the level of the event: `log.say('listening', { service, address }, 'A sentence.')` */
  readonly say: (event: LogEvent, fields: Readonly<Record<string, unknown>>, sentence: string) => void
  /** From the next line on. */
  readonly change: (options: Pick<LogOptions, 'level' | 'format'>) => void
  /** For lines that are made by hand, such as those of the connection log. */
  readonly output: BoundedOutput
}

export function openLog(options: LogOptions): Log {
  let { format } = options
  const output = new BoundedOutput({
    stream: options.stream,
    dropWarning: (lines) => dropWarning(lines, format),
    ...(options.backlogBytesMax === undefined ? {} : { backlogBytesMax: options.backlogBytesMax }),
  })
  const destination = {
    write: (line: string) => output.write(format === 'json' ? line : formatTextLine(JSON.parse(line))),
  }
  const logger = pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  )
  return {
    get format() {
      return format
    },
    say: (event, fields, sentence) => logger[LOG_EVENTS[event].level]({ event, ...fields }, sentence),
    change: (wanted) => {
      logger.level = wanted.level
      format = wanted.format
    },
    output,
  }
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
