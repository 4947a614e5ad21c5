/** What keeps Tidegate from starting, as a sentence with its remedy. */
import { formatSocketAddress, type SocketAddress } from '../../lib/ip.ts'

/** Codes stay; sentences may get better. */
export type StartErrorCode =
  | 'E_LISTEN'
  | 'E_ADMIN_LISTEN'
  | 'E_ENGINE'
  | 'E_FILE_LIMIT'
  | 'E_WORKER_START'
  | 'E_WORKER'
  | 'E_ROOM'
  | 'E_NOT_READY'

export class StartError extends Error {
  override readonly name = 'StartError'
  readonly code: StartErrorCode

  constructor(code: StartErrorCode, message: string) {
    super(message)
    this.code = code
  }
}

/** Where the configuration says what a service listens on. */
export function listenKey(service: { readonly name: string } | undefined): string {
  return service === undefined ? 'listen of a service' : `listen of service ${service.name}`
}

/** `code` is an errno's name; `what` is the configuration key that asked for the address. */
export function listenError(address: SocketAddress, code: string, detail: string, key: string): StartError {
  const text = formatSocketAddress(address)
  const reason = LISTEN_REMEDIES[code]?.(address, key) ?? `${detail} (${code}).`
  return new StartError(key === 'admin.listen' ? 'E_ADMIN_LISTEN' : 'E_LISTEN', `Cannot listen on ${text}: ${reason}`)
}

const LISTEN_REMEDIES: Readonly<Record<string, (address: SocketAddress, key: string) => string>> = {
  EADDRINUSE: (_, key) => `another process holds it (EADDRINUSE). Stop it, or choose another port in ${key}.`,
  EACCES: ({ port }) =>
    port > 0 && port < 1024
      ? `ports below 1024 need CAP_NET_BIND_SERVICE (EACCES). Give AmbientCapabilities=CAP_NET_BIND_SERVICE to the systemd unit, or run setcap 'cap_net_bind_service=+ep' on the node binary, or choose a port from 1024 up.`
      : 'the system does not permit it (EACCES). Look at its security policy (SELinux, AppArmor, container rules).',
  EPERM: () =>
    'the system does not permit it (EPERM). Look at its security policy (SELinux, AppArmor, container rules).',
  EADDRNOTAVAIL: ({ family }, key) =>
    `this machine has no such address (EADDRNOTAVAIL). Write one of its own addresses, or ${family === 4 ? '0.0.0.0' : '[::]'} for all of them, in ${key}.`,
  EAFNOSUPPORT: ({ family }, key) =>
    `this machine has no IPv${family} (EAFNOSUPPORT). Take the address out of ${key}, or turn IPv${family} on.`,
  EMFILE: () => 'too many files are open (EMFILE). Raise LimitNOFILE= in the systemd unit, or ulimit -n in the shell.',
}
