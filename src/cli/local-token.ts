/**
 * The token for a daemon on this machine, without being told: its refusal names the file. Whoever listens there gets
 * the token, so the file must belong to the one whose socket it is: else any user could ask root for it.
 */
import { readFileSync, statSync } from 'node:fs'
import { basename } from 'node:path'

const FILE_NAME = 'admin-token'
const FORM = /^tdg_local_[\w-]{43}$/
const LOOPBACK = /^(127(\.\d{1,3}){3}|\[::1\]|localhost)$/
/** The state of a listening socket in /proc/net/tcp [proc(5)]. */
const LISTEN = '0A'

/** Undefined when there is none that may be sent there. */
export function readLocalToken(admin: URL, file: string): string | undefined {
  if (!isOnThisMachine(admin) || basename(file) !== FILE_NAME) return undefined
  try {
    const text = readFileSync(file, 'utf8').trim()
    const owners = listenersOf(Number(admin.port || (admin.protocol === 'https:' ? 443 : 80)))
    const isTheirs = owners.length > 0 && owners.every((uid) => uid === statSync(file).uid)
    return FORM.test(text) && isTheirs ? text : undefined
  } catch {
    return undefined
  }
}

/** By an address that no other machine has. */
export function isOnThisMachine({ hostname }: URL): boolean {
  return LOOPBACK.test(hostname)
}

/** The users whose sockets listen on the port. */
export function listenersOf(port: number): number[] {
  return ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((file) => listenersIn(readIfThere(file), port))
}

/** From lines such as `0: 0100007F:26AC 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000 …`. */
export function listenersIn(table: string, port: number): number[] {
  const hex = port.toString(16).toUpperCase().padStart(4, '0')
  const rows = table.split('\n').map((line) => line.trim().split(/\s+/))
  return rows
    .filter(([, local = '', , state]) => state === LISTEN && local.endsWith(`:${hex}`))
    .map((words) => Number(words[7]))
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
