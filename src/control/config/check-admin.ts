/** The certificate of the admin API can be used, and is not asked for in vain. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
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
    createSecureContext({ cert: readFileSync(certificate), key: readFileSync(key) })
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

/** Text is what is wrong with the file. */
function readWith<Read>(path: string, what: string, read: (text: string) => Read): Read | string {
  let text: string
  try {
    if (statSync(path).size > FILE_BYTES_MAX) return 'is larger than 1 MiB'
    text = readFileSync(path, 'utf8')
  } catch (error) {
    return `cannot be read: ${explain(error as NodeJS.ErrnoException)}`
  }
  try {
    return read(text)
  } catch {
    return `is not ${what}`
  }
}

function explain({ code, message }: NodeJS.ErrnoException): string {
  if (code === 'ENOENT') return 'there is no such file (a relative path begins at the folder of the configuration)'
  if (code === 'EACCES') return 'no permission'
  return code === 'EISDIR' ? 'it is a folder' : (code ?? message)
}
