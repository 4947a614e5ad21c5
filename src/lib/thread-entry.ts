/**
 * The file that a thread starts with; `path` is its place in src/, without the extension. In what is published all
 * entries lie beside each other, with the file that this function got into (scripts/bundle.mjs).
 */
export function threadEntry(path: string): URL {
  if (import.meta.url.endsWith('.ts')) return new URL(`../${path}.ts`, import.meta.url)
  return new URL(`./${path.slice(path.lastIndexOf('/') + 1)}.js`, import.meta.url)
}
