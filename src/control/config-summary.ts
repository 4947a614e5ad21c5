/** What a configuration amounts to, for who only wants to know whether it is right. */
import { loadConfig } from './config/load.ts'
import { UpstreamAddresses } from './resolve/upstream-addresses.ts'

export interface ConfigSummary {
  readonly services: number
  readonly listeners: number
  readonly upstreams: number
}

/** Reads and resolves as the daemon would, and opens nothing. Throws ConfigError. */
export async function checkConfigFile(path: string, env: NodeJS.ProcessEnv): Promise<ConfigSummary> {
  const config = await loadConfig(path, env)
  await UpstreamAddresses.resolve(config)
  return {
    services: config.services.length,
    listeners: config.services.flatMap(({ listen }) => listen).length,
    upstreams: config.services.flatMap(({ upstreams }) => upstreams).length,
  }
}
