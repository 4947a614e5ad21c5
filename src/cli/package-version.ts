import { readFileSync } from 'node:fs'

/** The version of this package; the manifest is in the same place seen from src/cli and from dist/lib. */
export function packageVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  return (manifest as { version: string }).version
}
