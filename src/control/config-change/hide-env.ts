/** A difference tells what the file has, not what is behind its `${NAME}`: that may be a secret. */

const REFERENCE = /(?<!\$)\$\{([A-Za-z_][A-Za-z0-9_]*)/g
/** A shorter one stands in other words by chance. */
const HIDDEN_CHARACTERS_MIN = 4

/** In all texts of `told`; `texts` are the files that are compared. */
export function hideEnv<Told>(told: Told, texts: readonly string[], env: NodeJS.ProcessEnv): Told {
  const names = new Set(texts.flatMap((text) => [...text.matchAll(REFERENCE)].map(([, name]) => name)))
  const values = [...names]
    .map((name) => [name, Object.hasOwn(env, name) ? (env[name] ?? '') : ''] as const)
    .filter(([, value]) => value.length >= HIDDEN_CHARACTERS_MIN)
    // One that is a part of another comes after it.
    .sort(([, a], [, b]) => b.length - a.length)
  if (values.length === 0) return told
  return replaced(told, (text) => values.reduce((shown, [name, value]) => shown.replaceAll(value, `\${${name}}`), text))
}

function replaced<Value>(value: Value, hide: (text: string) => string): Value {
  if (typeof value === 'string') return hide(value) as Value
  if (Array.isArray(value)) return value.map((item: unknown) => replaced(item, hide)) as Value
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, replaced(inner as unknown, hide)]),
  ) as Value
}
