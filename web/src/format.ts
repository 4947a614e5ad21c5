/** Numbers and times for people. */

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']

/** `1.4 MiB` */
export function bytes(count: number): string {
  let value = count
  let unit = 0
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024
    unit++
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`
}

const WHOLE = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })
const FINE = new Intl.NumberFormat('en', { maximumFractionDigits: 2 })
const SMALL = new Intl.NumberFormat('en', { maximumFractionDigits: 1 })

/** `12,345`; with one digit behind the point below ten. */
export function count(number: number): string {
  return number < 10 && !Number.isInteger(number) ? SMALL.format(number) : WHOLE.format(number)
}

/** `0.04 ms`, `12 ms`, `1.5 s` */
export function milliseconds(ms: number): string {
  if (ms >= 1000) return `${SMALL.format(ms / 1000)} s`
  if (ms >= 10) return `${WHOLE.format(ms)} ms`
  return `${(ms < 1 ? FINE : SMALL).format(ms)} ms`
}

/** `3 d 4 h`, `12 s`: the two largest units. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000))
  const parts: [number, string][] = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ]
  const first = parts.findIndex(([value]) => value > 0)
  if (first === -1) return '0 s'
  return parts
    .slice(first, first + 2)
    .filter(([value]) => value > 0)
    .map(([value, unit]) => `${value} ${unit}`)
    .join(' ')
}

const TIME = new Intl.DateTimeFormat('sv', { dateStyle: 'short', timeStyle: 'medium' })

/** `2026-11-21 17:54:41`, in the time zone of who reads it. */
export function time(iso: string): string {
  return TIME.format(new Date(iso))
}
