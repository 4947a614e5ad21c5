/**
 * The certificate that the admin API serves, and its renewal: each reload reads the operator's files again. What can't
 * be used leaves the one that is served, and the log says so.
 */
import type { AdminConfig } from '../config/config.ts'
import { sayCertificate, sayCertificateNotRead } from '../log/access-lines.ts'
import type { Log } from '../log/log.ts'
import type { CertificateEnd } from '../notify/alarms.ts'
import { type AdminCertificate, readCertificate } from './admin-certificate.ts'

/** Serves it to who connects from now on. Throws for one that it can't serve. */
export type TakeCertificate = (certificate: AdminCertificate) => void

export class ServedCertificate {
  readonly #log: Log
  #served: { readonly certificate: AdminCertificate; readonly take: TakeCertificate } | undefined

  constructor(log: Log) {
    this.#log = log
  }

  /** Never called where the admin API is plain HTTP, or off. */
  begin(certificate: AdminCertificate, take: TakeCertificate): void {
    this.#served = { certificate, take }
  }

  /** For notifications. */
  ends(): readonly CertificateEnd[] {
    return this.#served === undefined ? [] : [{ name: 'admin', notAfterMs: this.#served.certificate.notAfterMs }]
  }

  /** One of our own making is renewed at the start alone. Never throws. */
  async renew({ tls }: Pick<AdminConfig, 'tls'>): Promise<void> {
    if (tls === undefined || this.#served === undefined) return
    const { certificate: before, take } = this.#served
    try {
      const certificate = await readCertificate(tls)
      if (certificate.certificate === before.certificate && certificate.key === before.key) return
      take(certificate)
      this.#served = { certificate, take }
      sayCertificate(this.#log, certificate.fingerprint)
    } catch (error) {
      sayCertificateNotRead(this.#log, tls.certificate, (error as Error).message)
    }
  }
}
