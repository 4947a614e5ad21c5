/** Lists as people write them, and what becomes of them. */

/** `a, b c` are three. */
export function wordsOf(text: string): string[] {
  return text.split(/[\s,;]+/).filter(Boolean)
}

/** Undefined where nothing is written; for bodies and queries that leave out what is not said. */
export function listOf(text: string): string[] | undefined {
  const words = wordsOf(text)
  return words.length === 0 ? undefined : words
}

/** `?a=1&b=2,3`; what is undefined is left out. */
export function queryOf(values: Readonly<Record<string, string | readonly string[] | undefined>>): string {
  const query = new URLSearchParams()
  for (const [key, value] of Object.entries(values)) {
    if (value !== undefined) query.set(key, typeof value === 'string' ? value : value.join(','))
  }
  const text = query.toString()
  return text === '' ? '' : `?${text}`
}
