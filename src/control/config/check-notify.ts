/** Rules name channels and services that there are, and thresholds have the unit of what they are about. */
import { channelsOf, isAboutServices, isMeasure, MEASURES, type NotifyRule } from '../notify/notify-config.ts'
import { didYouMean } from '../../lib/did-you-mean.ts'
import { parseIp } from '../../lib/ip.ts'
import type { Config } from './config.ts'
import { findNode, type ConfigPath, type ConfigSource } from './config-tree.ts'
import type { ConfigProblem } from './problem.ts'
import { readCaFile } from './read-ca-file.ts'

/** Fewer can be found by trying. */
const SECRET_CHARACTERS_MIN = 16
const OVERLOAD_LEVEL_MAX = 3

/** `isWhole` is false where wrong parts were taken out before: what is missing may only be wrong. */
export function checkNotify(config: Config, source: ConfigSource, isWhole: boolean): ConfigProblem[] {
  return [
    ...checkSecrets(config, source),
    ...checkMail(config, source, isWhole),
    ...checkAuthorities(config, source),
    ...config.notify.rules.flatMap((rule, i) => checkRule(config, rule, ['notify', 'rules', i], source, isWhole)),
  ]
}

/** Where they stand, and never what they are. */
function checkSecrets({ notify }: Config, source: ConfigSource): ConfigProblem[] {
  return notify.webhooks.flatMap(({ secret }, i) => {
    if (secret === undefined) return []
    const path = ['notify', 'webhooks', i]
    const isBase64 = /^whsec_[A-Za-z0-9+/]+={0,2}$/.test(secret)
    if (secret.startsWith('whsec_') && !isBase64)
      return [
        source.problem('E_CONFIG_VALUE', path, 'has a secret that begins with whsec_ and is not base64 behind it'),
      ]
    if (secret.length >= SECRET_CHARACTERS_MIN) return []
    const expected = `expected ${SECRET_CHARACTERS_MIN} characters or more, as openssl rand -hex 24 writes them`
    return [source.problem('E_CONFIG_VALUE', path, `has a secret that can be found by trying; ${expected}`)]
  })
}

function checkMail({ notify }: Config, source: ConfigSource, isWhole: boolean): ConfigProblem[] {
  return notify.emails.flatMap(({ user, password, security, host }, i) => {
    const path = ['notify', 'emails', i]
    if (isWhole && (user === undefined) !== (password === undefined))
      return [source.problem('E_CONFIG_MISSING', path, 'has one of user and password; expected both or none')]
    if (password === undefined || security !== 'off' || isThisMachine(host)) return []
    return [
      source.problem('E_CONFIG_VALUE', path, 'would send its password in the clear; set security to starttls or tls'),
    ]
  })
}

function isThisMachine(host: string): boolean {
  return host === 'localhost' || host === '::1' || (parseIp(host) !== undefined && host.startsWith('127.'))
}

function checkAuthorities({ notify }: Config, source: ConfigSource): ConfigProblem[] {
  return (['webhooks', 'slack', 'emails'] as const).flatMap((list) =>
    notify[list].flatMap(({ caFile }, i) => {
      const ca = caFile === undefined ? undefined : readCaFile(caFile)
      return ca === undefined || ca.ok ? [] : [source.problem(ca.code, ['notify', list, i, 'ca'], ca.problem)]
    }),
  )
}

function checkRule(
  config: Config,
  rule: NotifyRule,
  path: ConfigPath,
  source: ConfigSource,
  isWhole: boolean,
): ConfigProblem[] {
  const channels = channelsOf(config.notify).map(({ name }) => name)
  const noReceiver = isWhole && channels.length === 0
  return [
    ...(noReceiver
      ? [source.problem('E_CONFIG_MISSING', path, 'has nobody to tell; add webhooks, slack or emails')]
      : []),
    ...(isWhole && !noReceiver ? unknownNames(rule.channels, channels, [...path, 'channels'], 'channel', source) : []),
    ...unknownNames(
      rule.services,
      config.services.map(({ name }) => name),
      [...path, 'services'],
      'service',
      source,
    ),
    ...(isWhole ? checkAbove(rule, path, source) : []),
    ...checkScope(rule, path, source),
  ]
}

function unknownNames(
  given: readonly string[] | undefined,
  known: readonly string[],
  path: ConfigPath,
  what: string,
  source: ConfigSource,
): ConfigProblem[] {
  return (given ?? []).flatMap((name, i) => {
    if (known.includes(name)) return []
    const near = didYouMean(name, known)
    const meant = near === undefined ? '' : `; did you mean ${near}?`
    return [source.problem('E_CONFIG_VALUE', [...path, i], `is the name of no ${what}${meant}`)]
  })
}

function checkAbove({ when, above }: NotifyRule, path: ConfigPath, source: ConfigSource): ConfigProblem[] {
  const at = [...path, 'above']
  const { node, missing } = findNode(source.root, at)
  const text = missing || node.kind !== 'scalar' ? undefined : node.text
  if (isMeasure(when)) {
    const { unit, meaning } = MEASURES[when]
    if (text === undefined) return [source.problem('E_CONFIG_MISSING', at, `is missing; expected how many ${meaning}`)]
    const hasUnit = /[a-z]/i.test(text.replace(/\/s$/, ''))
    if (!hasUnit || unit === 'bytes') return []
    return [source.problem('E_CONFIG_VALUE', at, `is a size; expected how many ${meaning}`)]
  }
  if (text === undefined) return []
  if (when !== 'overload')
    return [source.problem('E_CONFIG_VALUE', at, `means nothing with when: ${when}; take it out`)]
  return above <= OVERLOAD_LEVEL_MAX && /^\d+$/.test(text)
    ? []
    : [
        source.problem(
          'E_CONFIG_VALUE',
          at,
          `is no level; expected 0 to ${OVERLOAD_LEVEL_MAX}, as the highest is above it`,
        ),
      ]
}

function checkScope({ when, per, services }: NotifyRule, path: ConfigPath, source: ConfigSource): ConfigProblem[] {
  const isPerService = per === 'service'
  if (isPerService && (!isMeasure(when) || when === 'bans'))
    return [source.problem('E_CONFIG_VALUE', [...path, 'per'], `means nothing with when: ${when}; take it out`)]
  if (services === undefined || isPerService || isAboutServices(when)) return []
  const instead = isMeasure(when) && when !== 'bans' ? 'add per: service' : 'take it out'
  return [source.problem('E_CONFIG_VALUE', [...path, 'services'], `means nothing here; ${instead}`)]
}
