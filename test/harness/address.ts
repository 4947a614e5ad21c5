/** Addresses as the tests pass them around. */
export interface Address {
  readonly host: string
  readonly port: number
  /** `127.0.0.1:80`, `[::1]:80`. */
  readonly text: string
}

export function address(host: string, port: number): Address {
  return { host, port, text: host.includes(':') ? `[${host}]:${port}` : `${host}:${port}` }
}

/** Reads `127.0.0.1:80`, `[::1]:80`; `*:80` and wildcards become loopback, where a client can go. */
export function parseAddress(text: string): Address {
  const colon = text.lastIndexOf(':')
  const host = text.slice(0, colon).replace(/^\[|\]$/g, '')
  return address(host, Number(text.slice(colon + 1)))
}
