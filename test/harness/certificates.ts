/** Certificates for tests, made by openssl when they are asked for. */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Authority {
  /** PEM, for `tls.ca`. */
  readonly file: string
  readonly keyFile: string
}

export interface Certificate {
  readonly cert: string
  readonly key: string
}

function openssl(folder: string, ...args: string[]): void {
  execFileSync('openssl', args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] })
}

function makeKey(folder: string, name: string): string {
  const file = `${name}.key`
  openssl(folder, 'ecparam', '-genkey', '-name', 'prime256v1', '-noout', '-out', file)
  return file
}

export function makeAuthority(folder: string, name: string): Authority {
  const key = makeKey(folder, name)
  const subject = ['-subj', `/CN=${name}`, '-days', '30', '-addext', 'basicConstraints=critical,CA:TRUE']
  openssl(folder, 'req', '-x509', '-new', '-key', key, ...subject, '-out', `${name}.pem`)
  return { file: join(folder, `${name}.pem`), keyFile: join(folder, key) }
}

/** `names` is a subjectAltName, `DNS:a.example,IP:127.0.0.1`; without an authority it signs itself. */
export function makeCertificate(
  folder: string,
  name: string,
  { names, by, isExpired = false }: { names: string; by?: Authority; isExpired?: boolean },
): Certificate {
  const key = makeKey(folder, name)
  writeFileSync(join(folder, `${name}.ext`), `subjectAltName=${names}\n`)
  writeFileSync(join(folder, `${name}.index`), '')
  writeFileSync(join(folder, `${name}.cnf`), databaseFor(name))
  openssl(folder, 'req', '-new', '-key', key, '-subj', `/CN=${name}`, '-out', `${name}.csr`)
  const signer = by === undefined ? ['-selfsign', '-keyfile', key] : ['-cert', by.file, '-keyfile', by.keyFile]
  // The only command of OpenSSL 3.0 that takes dates.
  const dates = isExpired ? ['-startdate', '20200101000000Z', '-enddate', '20200201000000Z'] : ['-days', '30']
  const files = ['-in', `${name}.csr`, '-extfile', `${name}.ext`, '-out', `${name}.crt`]
  openssl(folder, 'ca', '-batch', '-notext', '-config', `${name}.cnf`, ...signer, ...dates, ...files)
  const text = (file: string): string => readFileSync(join(folder, file), 'utf8')
  return { cert: text(`${name}.crt`), key: text(key) }
}

function databaseFor(name: string): string {
  return `[ca]
default_ca=own
[own]
database=${name}.index
new_certs_dir=.
default_md=sha256
policy=any
rand_serial=yes
[any]
commonName=supplied
`
}
