/** Reads the certificates of authorities that checks trust. */
import { X509Certificate } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { explainReadError } from '../read-whole-file.ts'
import { read, unread } from './reading.ts'
import type { Reading } from './reading.ts'

/** All public authorities together are a quarter of it. */
const CA_BYTES_MAX = 2 ** 20
const CERTIFICATE = /-----BEGIN (?:TRUSTED )?CERTIFICATE-----[\s\S]*?-----END (?:TRUSTED )?CERTIFICATE-----/g

/** A relative path begins at the folder of the configuration. */
export function caPath(file: string, configFile: string): string {
  return resolve(dirname(configFile), file)
}

/** PEM text with at least one certificate. */
export function readCaFile(path: string): Reading<string> {
  const bad = (problem: string): Reading<string> => unread('E_CONFIG_CERTIFICATE', problem)
  try {
    const { size } = statSync(path)
    if (size > CA_BYTES_MAX) return bad('is larger than 1 MiB')
    const text = readFileSync(path, 'utf8')
    const certificates = text.match(CERTIFICATE) ?? []
    if (certificates.length === 0) return bad('has no certificate in it; expected PEM')
    for (const certificate of certificates) {
      if (!isCertificate(certificate)) return bad('has a certificate in it that cannot be read')
    }
    return read(text)
  } catch (error) {
    return bad(`cannot be read: ${explainReadError(error as NodeJS.ErrnoException)}`)
  }
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0
  } catch {
    return false
  }
}
