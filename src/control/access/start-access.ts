/** What the admin API needs of access, as the daemon starts: who may, the audit log, and the certificate. */
import { networkInterfaces } from 'node:os'
import { formatSocketAddress, isLoopback, type SocketAddress } from '../../lib/ip.ts'
import type { AdminConfig } from '../config/config.ts'
import { sayAudit, sayCertificate, sayNoLocalToken, saySetUpLink } from '../log/access-lines.ts'
import type { Log } from '../log/log.ts'
import { StartError } from '../workers/start-error.ts'
import { Access } from './access.ts'
import type { AccessStore } from './access-store.ts'
import { type AdminCertificate, readCertificate, readOrMakeCertificate } from './admin-certificate.ts'
import { AuditBook } from './audit-book.ts'
import { readLocalToken } from './local-token.ts'
import { SteadyAccessStore } from './steady-access-store.ts'

export interface StartedAccess {
  readonly access: Access
  readonly auditBook: AuditBook
  /** Undefined where the admin API is plain HTTP. */
  readonly tls: AdminCertificate | undefined
}

/** Throws StartError where a certificate can't be used. */
export async function startAccess(config: AdminConfig, log: Log, store: AccessStore): Promise<StartedAccess> {
  const { token, problem } = await readLocalToken(config.stateDir)
  if (problem !== undefined) sayNoLocalToken(log, config.stateDir, problem, token?.file)
  const steady = new SteadyAccessStore(store)
  // The store has said what is wrong with it.
  await steady.remember().catch(() => {})
  const auditBook = new AuditBook(store.audit, (entry) => sayAudit(log, entry))
  const onFailedLogin = (name: string, address: string): void => auditBook.noteFailedLogin(name, address)
  const access = new Access(token, { store: steady, onFailedLogin })
  const tls = await certificateFor(config)
  if (tls !== undefined) sayCertificate(log, tls.fingerprint, tls.problem)
  return { access, auditBook, tls }
}

/** While nobody can log in, whoever reads the log can become the first admin. */
export async function offerSetUp(access: Access, log: Log, at: SocketAddress, isOverTls: boolean): Promise<void> {
  const link = await access.setUpLink()
  if (link === undefined) return
  const url = `${isOverTls ? 'https' : 'http'}://${formatSocketAddress(reachable(at))}/#/setup/${link.secret}`
  saySetUpLink(log, url, new Date(link.untilMs).toISOString())
}

async function certificateFor({
  listen,
  tls,
  plainHttp,
  stateDir,
}: AdminConfig): Promise<AdminCertificate | undefined> {
  if (listen === 'off') return undefined
  if (tls !== undefined) {
    return await readCertificate(tls).catch((error: Error) => {
      throw new StartError(
        'E_ADMIN_LISTEN',
        `admin.tls of ${formatSocketAddress(listen)} can't be used: ${error.message}.`,
      )
    })
  }
  return isLoopback(listen) || plainHttp ? undefined : await readOrMakeCertificate(stateDir)
}

/** For 0.0.0.0 and [::] an address that a browser can go to. */
function reachable(at: SocketAddress): SocketAddress {
  if (at.address !== '0.0.0.0' && at.address !== '::') return at
  const addresses = Object.values(networkInterfaces()).flatMap((interfaces) => interfaces ?? [])
  const found = addresses.find(({ family, internal, scopeid }) => {
    return !internal && family === `IPv${at.family}` && (scopeid ?? 0) === 0
  })
  return { ...at, address: found?.address ?? (at.family === 4 ? '127.0.0.1' : '::1') }
}
