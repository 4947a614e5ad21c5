/**
 * Reads tidegate.yaml: file → YAML → `${NAME}` replaced → schema → checks between values. Whatever is wrong comes
 * out as one ConfigError with all of it. Nothing here asks the network; hostnames are resolved in ../resolve.
 */
import { checkConfig } from './check-config.ts'
import type { Config } from './config.ts'
import { makeConfig } from './make-config.ts'
import { parseYaml } from './parse-yaml.ts'
import { ConfigError } from './problem.ts'
import { readConfigFile } from './read-config-file.ts'
import { validate } from './validate.ts'

export { ConfigError } from './problem.ts'

/** Throws ConfigError. */
export async function loadConfig(path: string, env: NodeJS.ProcessEnv): Promise<Config> {
  return parseConfig(await readConfigFile(path), path, env)
}

/** The same for text that is already here; `file` is what errors call it. */
export function parseConfig(text: string, file: string, env: NodeJS.ProcessEnv): Config {
  const yaml = parseYaml(text, file, env)
  if (yaml.kind === 'failed') throw new ConfigError(yaml.problems)
  const { problems, rest } = validate(yaml.source)
  const config = rest === undefined ? undefined : makeConfig(rest.parsed, rest.source)
  const wrong = [...yaml.problems, ...problems]
  if (config !== undefined) wrong.push(...checkConfig(config, rest!.source, wrong.length === 0))
  if (config === undefined || wrong.length > 0) throw new ConfigError(wrong)
  return config
}
