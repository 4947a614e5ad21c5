/**
 * What the admin API proves itself with over TLS: a certificate of the operator's, or one of our own making, which is
 * kept in stateDir. Nobody has signed ours; who connects compares its fingerprint, which the log tells.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { hostname, networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { createSecureContext } from 'node:tls'
import { parseIp } from '../../lib/ip.ts'

export const CERTIFICATE_FILE = 'admin-certificate.pem'
const KEY_FILE = 'admin-key.pem'
/** A new one has another fingerprint, which everybody has to be told: rarely is better than often. */
const VALID_MS = 10 * 365 * 86_400_000
/** For clocks that are behind. */
const VALID_BEFORE_MS = 86_400_000
/** Addresses of this machine that it is made for. */
const ADDRESSES_MAX = 32

export interface AdminCertificate {
  readonly certificate: string
  readonly key: string
  /** SHA-256, as `AB:CD:…`. */
  readonly fingerprint: string
  /** When it ends. */
  readonly notAfterMs: number
  /** The host names it is for, in lower case; patterns with `*` are not among them. */
  readonly names: readonly string[]
  /** Why ours could not be kept: the next start has another. */
  readonly problem?: string
}

/** Throws for files that can't be read, are no PEM, do not belong together, or are nothing that TLS takes. */
export async function readCertificate(files: { certificate: string; key: string }): Promise<AdminCertificate> {
  const [certificate, key] = await Promise.all([readFile(files.certificate, 'utf8'), readFile(files.key, 'utf8')])
  return made(certificate, key)
}

/** The one in stateDir while it is good, else a new one. */
export async function readOrMakeCertificate(stateDir: string): Promise<AdminCertificate> {
  const files = { certificate: join(stateDir, CERTIFICATE_FILE), key: join(stateDir, KEY_FILE) }
  const kept = await readCertificate(files).catch(() => undefined)
  if (kept !== undefined && Date.parse(new X509Certificate(kept.certificate).validTo) > Date.now()) {
    await chmod(files.key, 0o600).catch(() => {})
    return kept
  }
  const { certificate, key } = await make()
  try {
    await mkdir(stateDir, { recursive: true, mode: 0o700 })
    await write(files.key, key, 0o600)
    await write(files.certificate, certificate, 0o644)
  } catch (error) {
    return { ...made(certificate, key), problem: (error as Error).message }
  }
  return made(certificate, key)
}

/** Throws where the key is of another certificate. */
function made(certificate: string, key: string): AdminCertificate {
  const x509 = new X509Certificate(certificate)
  if (!x509.checkPrivateKey(createPrivateKey(key))) throw new Error('the key is not the one of the certificate')
  // Refuses what is too weak, and a chain that is cut off in its middle.
  createSecureContext({ cert: certificate, key })
  return {
    certificate,
    key,
    notAfterMs: Date.parse(x509.validTo),
    fingerprint: x509.fingerprint256,
    names: namesIn(x509.subjectAltName ?? ''),
  }
}

/** From `DNS:a.example, IP Address:192.0.2.1`. */
function namesIn(alternatives: string): string[] {
  return [...alternatives.matchAll(/DNS:([a-z0-9._-]+)(?=,|$)/gi)].map(([, name]) => name.toLowerCase())
}

/** Whole or not at all. */
async function write(path: string, text: string, mode: number): Promise<void> {
  await writeFile(`${path}.new`, text, { mode })
  await rename(`${path}.new`, path)
}

/** What makes it is loaded only where one is made. */
async function make(): Promise<{ certificate: string; key: string }> {
  await import('reflect-metadata')
  const { webcrypto } = await import('node:crypto')
  const x509 = await import('@peculiar/x509')
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const nowMs = Date.now()
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      name: [{ CN: ['Tidegate'] }, { O: [hostname()] }],
      notBefore: new Date(nowMs - VALID_BEFORE_MS),
      notAfter: new Date(nowMs + VALID_MS),
      signingAlgorithm: algorithm,
      keys,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
        new x509.SubjectAlternativeNameExtension(ownNames()),
      ],
    },
    webcrypto as NonNullable<Parameters<typeof x509.X509CertificateGenerator.createSelfSigned>[1]>,
  )
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey))
  return { certificate: `${certificate.toString('pem')}\n`, key: pemOf(der) }
}

function ownNames(): { type: 'dns' | 'ip'; value: string }[] {
  const addresses = Object.values(networkInterfaces()).flatMap((interfaces) => interfaces ?? [])
  const ips = addresses.map(({ address }) => address).filter((address) => parseIp(address) !== undefined)
  const all = new Set(['127.0.0.1', '::1', ...ips])
  return [
    { type: 'dns', value: 'localhost' },
    // Some machines are named in a way that no certificate may have.
    ...(/^[a-z0-9.-]+$/i.test(hostname()) ? [{ type: 'dns' as const, value: hostname() }] : []),
    ...[...all].slice(0, ADDRESSES_MAX).map((value) => ({ type: 'ip' as const, value })),
  ]
}

function pemOf(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g)!
  return `-----BEGIN PRIVATE KEY-----\n${lines.join('\n')}\n-----END PRIVATE KEY-----\n`
}
