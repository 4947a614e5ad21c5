/** Reads the certificates of authorities that checks trust. */
import { X509Certificate } from 'node:crypto'
import { dirname, resolve } from 'node:path'
import { readWholeFileSync, UnusableFile } from '../read-whole-file.ts'
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
    const text = readWholeFileSync(path, CA_BYTES_MAX)
    const certificates = text.match(CERTIFICATE) ?? []
    if (certificates.length === 0) return bad('has no certificate in it; expected PEM')
    for (const certificate of certificates) {
      if (!isCertificate(certificate)) return bad('has a certificate in it that cannot be read')
    }
    return read(text)
  } catch (error) {
    if (error instanceof UnusableFile) return bad(error.message)
    throw error
  }
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0
  } catch {
    return false
  }
}
