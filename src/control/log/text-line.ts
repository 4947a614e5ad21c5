/** `log.format: text`: what a person reads on a terminal or in the journal. */

/** `2026-11-21T04:00:00.000Z WARN  A sentence.  key=value …` with a line end. */
export function formatTextLine(record: Readonly<Record<string, unknown>>): string {
  const { time, level, msg, event, ...rest } = record
  const details = Object.entries(rest).map(([key, value]) => `${key}=${textValue(value)}`)
  const sentence = typeof msg === 'string' ? oneLine(msg) : textValue(event)
  const end = details.length === 0 ? '' : `  ${details.join(' ')}`
  return `${String(time)} ${String(level).toUpperCase().padEnd(5)} ${sentence}${end}\n`
}

/** Bare where that is clear; quoted and escaped where spaces, quotes or control characters could deceive. */
export function textValue(value: unknown): string {
  if (typeof value === 'string') return /^[\w.:[\]/@+*,-]+$/.test(value) ? value : oneLine(JSON.stringify(value))
  return oneLine(JSON.stringify(value) ?? 'undefined')
}

/** Control characters could forge lines or move a terminal's cursor. */
function oneLine(text: string): string {
  return text.replace(/\p{Cc}/gu, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
