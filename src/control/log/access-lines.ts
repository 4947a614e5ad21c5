/** The lines about who may use the admin API, and what they did. */
import type { AuditEntry } from '../access/audit-entry.ts'
import { LOCAL_TOKEN_FILE } from '../access/local-token.ts'
import type { Log } from './log.ts'

export function sayAudit(log: Log, { who, from, action, target, details, status }: AuditEntry): void {
  const outcome = status < 300 ? 'done' : `refused with ${status}`
  const what = details === '' ? target : `${target}: ${details}`
  log.say('audit', { who, from, action, target, details, status }, `${who} (${from}) ${action} ${what}: ${outcome}.`)
}

export function sayNoLocalToken(log: Log, stateDir: string, why: string, file: string | undefined): void {
  const instead =
    file === undefined
      ? 'Commands such as tidegate status are refused until stateDir can be written and Tidegate is started again.'
      : `Until this daemon ends it is in ${file}.`
  log.say(
    'no-local-token',
    { stateDir, why, file },
    `There is no ${LOCAL_TOKEN_FILE} in ${stateDir}: ${why}. ${instead}`,
  )
}

export function saySetUpLink(log: Log, link: string, until: string): void {
  log.say(
    'setup-link',
    { link, until },
    `Nobody can log in yet. Choose the first admin's name and password, before ${until}, at ${link}`,
  )
}

export function sayCertificate(log: Log, fingerprint: string, problem?: string): void {
  const lost = problem === undefined ? '' : ` It can't be kept, and the next start has another: ${problem}.`
  log.say(
    'admin-certificate',
    { fingerprint, problem },
    `The admin API is encrypted. The SHA-256 fingerprint of its certificate is ${fingerprint}.${lost}`,
  )
}

export function sayCertificateNotRead(log: Log, file: string, reason: string): void {
  log.say(
    'admin-certificate-not-read',
    { file, reason },
    `admin.tls has changed and can't be used: ${reason}. The certificate from before is served; mend the files and reload.`,
  )
}

export function sayApiDefect(log: Log, { message, stack }: Error, route: string): void {
  log.say('api-defect', { route, stack }, `${route} of the admin API failed: ${message}. Please report it.`)
}
