/** What the keys of a check cannot be together. */
import { CHECK_HEADERS_MAX } from './active-check-schema.ts'
import type { Config, ServiceConfig } from './config.ts'
import { childOf, findNode, type ConfigPath, type ConfigSource } from './config-tree.ts'
import type { ConfigProblem } from './problem.ts'
import { readCaFile } from './read-ca-file.ts'
import { headerNameProblem } from './read-check-values.ts'

const HTTP_KEYS = ['url', 'method', 'headers', 'body', 'expectStatus', 'expectBody', 'tls'] as const

export function checkActiveChecks(config: Config, source: ConfigSource): ConfigProblem[] {
  return config.services.flatMap((service, i) => [
    ...checkUpstreams(service, ['services', i], source),
    ...checkService(service, ['services', i, 'check'], source),
  ])
}

function checkService({ check }: ServiceConfig, path: ConfigPath, source: ConfigSource): ConfigProblem[] {
  if (check === undefined) return []
  if (check.type === 'tcp') {
    const misplaced = HTTP_KEYS.filter((key) => hasKey(source, path, key))
    return misplaced.map((key) => keyProblem(source, path, key, 'is only for checks of type http'))
  }
  const problems = checkHeaders(check.headers, [...path, 'headers'], source)
  if (check.method === 'HEAD' && check.expectBody !== undefined) {
    const message = 'can never match: an answer to HEAD has no body; use GET'
    problems.push(source.problem('E_CONFIG_VALUE', [...path, 'expectBody'], message))
  }
  const ca = check.tls.caFile === undefined ? undefined : readCaFile(check.tls.caFile)
  if (ca?.ok === false) problems.push(source.problem(ca.code, [...path, 'tls', 'ca'], ca.problem))
  if (ca !== undefined && !check.tls.verify) {
    problems.push(keyProblem(source, [...path, 'tls'], 'ca', 'has no use while verify is false'))
  }
  return problems
}

function checkUpstreams(service: ServiceConfig, path: ConfigPath, source: ConfigSource): ConfigProblem[] {
  return service.upstreams.flatMap(({ checkUrl }, i) => {
    if (checkUrl === undefined || service.check?.type === 'http') return []
    const why =
      service.check === undefined
        ? 'has no effect: the service has no check; add one'
        : 'is only for checks of type http; the check of the service is tcp'
    return [keyProblem(source, [...path, 'upstreams', i], 'check', why)]
  })
}

function checkHeaders(
  headers: Readonly<Record<string, string>>,
  path: ConfigPath,
  source: ConfigSource,
): ConfigProblem[] {
  if (Object.keys(headers).length > CHECK_HEADERS_MAX) {
    return [source.problem('E_CONFIG_TOO_MANY', path, `has too many entries; at most ${CHECK_HEADERS_MAX} are taken`)]
  }
  const seen = new Set<string>()
  return Object.keys(headers).flatMap((name) => {
    const isTwice = seen.has(name.toLowerCase())
    seen.add(name.toLowerCase())
    const problem = headerNameProblem(name) ?? (isTwice ? 'is there already, in other letters' : undefined)
    return problem === undefined ? [] : [keyProblem(source, path, name, problem)]
  })
}

function hasKey(source: ConfigSource, path: ConfigPath, key: string): boolean {
  return childOf(findNode(source.root, path).node, key) !== undefined
}

function keyProblem(source: ConfigSource, path: ConfigPath, key: string, message: string): ConfigProblem {
  return { code: 'E_CONFIG_VALUE', ...source.placeOfKey(path, key), value: undefined, message }
}
