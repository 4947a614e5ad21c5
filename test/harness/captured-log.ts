/** For unit tests: a log whose lines stay here. */
import { Writable } from 'node:stream'
import { type Log, type LogFormat, openLog } from '../../src/control/log/log.ts'

export interface CapturedLog {
  readonly log: Log
  readonly text: () => string
  readonly records: () => Record<string, unknown>[]
}

export function capturedLog(format: LogFormat = 'json'): CapturedLog {
  let text = ''
  const stream = new Writable({
    decodeStrings: false,
    write(chunk: string | Buffer, _encoding, done) {
      text += chunk.toString()
      done()
    },
  })
  const records = (): Record<string, unknown>[] =>
    text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
  return { log: openLog({ level: 'debug', format, stream }), text: () => text, records }
}
