/** A rule that looks at a rate has one, and one for each AS has limits and a database. */
import type { Config } from './config.ts'
import type { ConfigSource } from './config-tree.ts'
import type { ConfigProblem } from './problem.ts'

export function checkSourceLimits(config: Config, source: ConfigSource): ConfigProblem[] {
  return config.services.flatMap(({ protect: { newConnections, perAsn } }, i) => {
    const problems: ConfigProblem[] = []
    const path = ['services', i, 'protect']
    if (newConnections.rule !== 'off' && newConnections.rate === null) {
      const says = `rule is ${newConnections.rule} without a rate; add one, such as rate: 500/s`
      problems.push(source.problem('E_CONFIG_MISSING', [...path, 'newConnections'], says))
    }
    if (perAsn.rule === 'off') return problems
    if (perAsn.connections === 0 && perAsn.rate === null) {
      const says = `rule is ${perAsn.rule} without connections or rate; add one of them, such as rate: 500/s`
      problems.push(source.problem('E_CONFIG_MISSING', [...path, 'perAsn'], says))
    }
    if (config.protect.asnDatabase === undefined) {
      problems.push(source.problem('E_CONFIG_DATABASE', [...path, 'perAsn'], databaseMissing('asnDatabase')))
    }
    return problems
  })
}

/** Of a rule whose database `protect` at the top does not name. */
export function databaseMissing(key: 'countryDatabase' | 'asnDatabase'): string {
  const file = key === 'countryDatabase' ? 'country.mmdb' : 'asn.mmdb'
  return `needs a database, and protect.${key} at the top of the file names none; add it, such as protect: { ${key}: ${file} }`
}
