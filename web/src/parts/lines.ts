/** What was pasted, line by line, as the API takes it. */

export interface PastedLine {
  /** From 1. */
  readonly line: number
  readonly value: string
}

/** Without comments (`#` and `;` begin one) and empty lines. */
export function linesOf(text: string): PastedLine[] {
  return text
    .split(/\r?\n/)
    .map((line, i) => ({ line: i + 1, value: line.replace(/[#;].*$/, '').trim() }))
    .filter(({ value }) => value !== '')
}

/** A whole address or network, as against a part of one that somebody still types. */
export function isWholeAddress(text: string): boolean {
  const [address, length, ...more] = text.trim().split('/')
  if (more.length > 0 || (length !== undefined && !/^\d{1,3}$/.test(length))) return false
  if (/^\d{1,3}(\.\d{1,3}){3}$/.test(address)) return true
  return address.includes(':') && /^[\da-f:.]{2,45}$/i.test(address)
}

/** `3 networks`, `1 network` */
export function howMany(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`
}
