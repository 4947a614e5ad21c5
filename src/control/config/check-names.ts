/** No two services have one name, and within a service no value stands twice. */
import { formatNetwork, formatSocketAddress } from '../../lib/ip.ts'
import type { Config, ServiceConfig } from './config.ts'
import type { ConfigPath, ConfigSource } from './config-tree.ts'
import type { ConfigProblem, ConfigProblemCode } from './problem.ts'

export function checkNames(config: Config, source: ConfigSource): ConfigProblem[] {
  const services = config.services.map((service, i) => ({ value: service.name, path: ['services', i, 'name'] }))
  const lists = [
    ...['allow', 'deny'].map((key) => ({ value: `protect.${key}`, path: ['protect', key] })),
    ...config.protect.lists.map(({ name }, i) => ({ value: name, path: ['protect', 'lists', i] })),
  ]
  const channels = (['webhooks', 'slack', 'emails'] as const).flatMap((key) =>
    config.notify[key].map(({ name }, i) => ({ value: name, path: ['notify', key, i] })),
  )
  const rules = config.notify.rules.map(({ name }, i) => ({ value: name, path: ['notify', 'rules', i] }))
  return [
    ...repeated(channels, 'E_CONFIG_DUPLICATE_NAME', 'has the same name as', source),
    ...repeated(rules, 'E_CONFIG_DUPLICATE_NAME', 'needs a name of its own, beside', source),
    ...repeated(services, 'E_CONFIG_DUPLICATE_NAME', 'is already the name of', source),
    ...repeated(lists, 'E_CONFIG_DUPLICATE_NAME', 'has the same name as', source),
    ...config.services.flatMap((service, i) => checkWithinService(service, ['services', i], source)),
  ]
}

function checkWithinService(service: ServiceConfig, path: ConfigPath, source: ConfigSource): ConfigProblem[] {
  const addresses = service.upstreams.map(({ host, port }, i) => ({
    value: `${host} ${port}`,
    path: [...path, 'upstreams', i, 'address'],
  }))
  const names = service.upstreams.map(({ name }, i) => ({ value: name, path: [...path, 'upstreams', i, 'name'] }))
  const sources = service.sourceAddresses.map((address, i) => ({
    value: formatSocketAddress(address),
    path: [...path, 'sourceAddresses', i],
  }))
  const networks = service.acceptProxyFrom.map((network, i) => ({
    value: formatNetwork(network),
    path: [...path, 'acceptProxyFrom', i],
  }))
  const sameAddress = repeated(addresses, 'E_CONFIG_DUPLICATE_UPSTREAM', 'is already the address of', source)
  return [
    ...sameAddress,
    // Two upstreams without a name and with one address have one name too; once is enough to say it.
    ...repeated(names, 'E_CONFIG_DUPLICATE_NAME', 'is already the name of', source).filter(
      (problem) => !sameAddress.some((same) => same.line === problem.line && same.column === problem.column),
    ),
    ...repeated(sources, 'E_CONFIG_DUPLICATE_VALUE', 'stands already at', source),
    ...repeated(networks, 'E_CONFIG_DUPLICATE_VALUE', 'stands already at', source),
  ]
}

interface Placed {
  readonly value: string
  readonly path: ConfigPath
}

function repeated(
  values: readonly Placed[],
  code: ConfigProblemCode,
  says: string,
  source: ConfigSource,
): ConfigProblem[] {
  const firstByValue = new Map<string, ConfigPath>()
  const problems: ConfigProblem[] = []
  for (const { value, path } of values) {
    const first = firstByValue.get(value)
    if (first === undefined) {
      firstByValue.set(value, path)
      continue
    }
    const { key, line } = source.place(first)
    problems.push(source.problem(code, path, `${says} ${key} (line ${line})`))
  }
  return problems
}
