/** The certificate of the admin API can be used, and is not asked for in vain. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import { readWholeFileSync, UnusableFile } from '../read-whole-file.ts'
import type { Config } from './config.ts'
import type { ConfigSource } from './config-tree.ts'
import type { ConfigProblem } from './problem.ts'

/** Chains are a few KiB. */
const FILE_BYTES_MAX = 2 ** 20

export function checkAdmin({ admin }: Config, source: ConfigSource): ConfigProblem[] {
  const { tls, plainHttp } = admin
  if (tls === undefined) return []
  const problem = (key: 'certificate' | 'key', message: string): ConfigProblem[] => [
    source.problem('E_CONFIG_CERTIFICATE', ['admin', 'tls', key], message),
  ]
  if (plainHttp) {
    const message = 'contradicts admin.tls; take one of the two out'
    return [source.problem('E_CONFIG_VALUE', ['admin', 'plainHttp'], message)]
  }
  const certificate = readWith(tls.certificate, 'a certificate as PEM', (text) => new X509Certificate(text))
  if (typeof certificate === 'string') return problem('certificate', certificate)
  const key = readWith<KeyObject>(tls.key, 'a private key as PEM, without a password', (text) => createPrivateKey(text))
  if (typeof key === 'string') return problem('key', key)
  if (!certificate.checkPrivateKey(key)) return problem('key', 'is not the key of admin.tls.certificate')
  const why = whyNotForTls(tls)
  return why === undefined ? [] : problem('certificate', `is nothing that TLS takes: ${why}`)
}

/** A key that is too short, say, or a chain that is cut off in its middle. */
function whyNotForTls({ certificate, key }: NonNullable<Config['admin']['tls']>): string | undefined {
  try {
    const [cert, secret] = [certificate, key].map((path) => readWholeFileSync(path, FILE_BYTES_MAX))
    createSecureContext({ cert, key: secret })
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

/** Text is what is wrong with the file. */
function readWith<Read>(path: string, what: string, read: (text: string) => Read): Read | string {
  let text: string
  try {
    text = readWholeFileSync(path, FILE_BYTES_MAX)
  } catch (error) {
    if (error instanceof UnusableFile) return error.message
    throw error
  }
  try {
    return read(text)
  } catch {
    return `is not ${what}`
  }
}
