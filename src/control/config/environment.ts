/** `${NAME}` and `${NAME:-default}` inside values; `$${` writes a plain `${`. */

export type Substituted =
  | { readonly kind: 'same' }
  | { readonly kind: 'replaced'; readonly text: string }
  | { readonly kind: 'failed'; readonly problem: string }

const REFERENCE = /\$?\$\{([^}]*)(\}?)/g
const NAME = /^([A-Za-z_][A-Za-z0-9_]*)(:-([\s\S]*))?$/

/**
 * Replaces the references in one value. It runs after the YAML is parsed, and what a variable holds is not searched
 * again: no variable can add a key, a list item or another reference.
 */
export function substituteEnv(text: string, env: NodeJS.ProcessEnv): Substituted {
  if (!text.includes('${')) return { kind: 'same' }
  const problems: string[] = []
  const replaced = text.replaceAll(REFERENCE, (whole: string, inner: string, closing: string) => {
    if (whole.startsWith('$$')) return whole.slice(1)
    const value = valueOf(inner, closing, env)
    if (value.ok) return value.text
    problems.push(value.problem)
    return whole
  })
  if (problems.length > 0) return { kind: 'failed', problem: problems.join('; ') }
  return { kind: 'replaced', text: replaced }
}

function valueOf(
  inner: string,
  closing: string,
  env: NodeJS.ProcessEnv,
): { readonly ok: true; readonly text: string } | { readonly ok: false; readonly problem: string } {
  if (closing === '') return { ok: false, problem: 'has a ${ without its }; write $${ for a plain ${' }
  const match = NAME.exec(inner)
  if (match === null) {
    const expected = 'expected ${NAME} or ${NAME:-default}, with letters, digits and _ in the name'
    return { ok: false, problem: `has a reference that is not a variable name; ${expected}` }
  }
  const [, name, fallbackPart, fallback] = match
  // Not what every object has by birth.
  const value = Object.hasOwn(env, name) ? env[name] : undefined
  // As in a shell, `:-` also stands in for a variable that is set and empty.
  if (fallbackPart !== undefined && (value === undefined || value === '')) return { ok: true, text: fallback }
  if (value !== undefined) return { ok: true, text: value }
  return {
    ok: false,
    problem: `needs the environment variable ${name}, which is not set; set it or write \${${name}:-default}`,
  }
}
