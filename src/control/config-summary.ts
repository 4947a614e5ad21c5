/** What a configuration amounts to, for who only wants to know whether it is right. */
import { tryChecks, type TriedCheck } from './check/try-checks.ts'
import { loadConfig } from './config/load.ts'
import { UpstreamAddresses } from './resolve/upstream-addresses.ts'

export type { TriedCheck } from './check/try-checks.ts'

export interface ConfigSummary {
  readonly services: number
  readonly listeners: number
  readonly upstreams: number
  /** One attempt of each check; undefined where nobody asked for it. */
  readonly checks?: readonly TriedCheck[]
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
  return {
    services: config.services.length,
    listeners: config.services.flatMap(({ listen }) => listen).length,
    upstreams: config.services.flatMap(({ upstreams }) => upstreams).length,
    ...(online ? { checks: await tryChecks(config, current) } : {}),
  }
}
