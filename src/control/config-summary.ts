/** What a configuration amounts to, for who only wants to know whether it is right. */
import { tryChecks, type TriedCheck } from './check/try-checks.ts'
import { hedgesInVain } from './config/check-hedging.ts'
import { loadConfig } from './config/load.ts'
import { NetworkDatabases } from './databases/network-databases.ts'
import { type List, Lists } from './lists/lists.ts'
import { UpstreamAddresses } from './resolve/upstream-addresses.ts'

export type { TriedCheck } from './check/try-checks.ts'

export interface ConfigSummary {
  readonly services: number
  readonly listeners: number
  readonly upstreams: number
  /** Those in files of their own. */
  readonly lists: readonly ListSummary[]
  /** What is not wrong and yet may not be meant, in a sentence each. */
  readonly warnings: readonly string[]
  /** One attempt of each check; undefined where nobody asked for it. */
  readonly checks?: readonly TriedCheck[]
}

export interface ListSummary {
  readonly name: string
  readonly action: string
  readonly entries: number
  readonly badLines: number
}

export interface CheckConfigOptions {
  /** Try every active check once. */
  readonly online: boolean
}

/** Reads and resolves as the daemon would, and opens no listener. Throws ConfigError. */
export async function checkConfigFile(
  path: string,
  env: NodeJS.ProcessEnv,
  { online }: CheckConfigOptions = { online: false },
): Promise<ConfigSummary> {
  const config = await loadConfig(path, env)
  const { current } = await UpstreamAddresses.resolve(config)
  const lists = await Lists.read(config.protect)
  const databases = await NetworkDatabases.read(config.protect)
  return {
    services: config.services.length,
    listeners: config.services.flatMap(({ listen }) => listen).length,
    upstreams: config.services.flatMap(({ upstreams }) => upstreams).length,
    lists: lists.all.filter(({ noted }) => noted !== undefined).map(listSummary),
    warnings: [
      ...hedgesInVain(config).map(({ sentence }) => sentence),
      ...lists.all.flatMap(badLineTexts),
      ...lists.warnings,
      ...databases.warnings(Date.now()),
    ],
    ...(online ? { checks: await tryChecks(config, current) } : {}),
  }
}

function badLineTexts({ file, badLines, badLineCount }: List): string[] {
  const texts = badLines.map(({ line, message }) => `${file}:${line}: ${message}`)
  return badLineCount > texts.length ? [...texts, `${file}: and ${badLineCount - texts.length} more lines`] : texts
}

function listSummary({ name, action, entries, badLineCount }: List): ListSummary {
  return { name, action, entries: entries.count, badLines: badLineCount }
}
