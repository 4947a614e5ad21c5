/** What attacks are called for people. A newer daemon may know kinds and reasons that we do not. */
const KINDS: Readonly<Record<string, string>> = {
  'connection-flood': 'Connection flood',
  distributed: 'Many addresses',
  unused: 'Unused connections',
}

export function kindTitle(kind: string): string {
  return KINDS[kind] ?? kind
}

/** `Many addresses, connection flood` */
export function kindsTitle(kinds: readonly string[]): string {
  return kinds.map((kind, i) => (i === 0 ? kindTitle(kind) : kindTitle(kind).toLowerCase())).join(', ')
}

const ENDS: Readonly<Record<string, string>> = {
  calm: 'the service is calm again',
  'new-calm': 'it lasted so long that it is the new calm',
  off: 'the detector was switched off',
  restart: 'the daemon ended',
  'service-removed': 'the service is gone',
}

export function endTitle(ended: string | null): string {
  return ended === null ? '' : (ENDS[ended] ?? ended)
}

/** Of 0 to 1. */
export function percent(share: number): string {
  return `${Math.round(share * 100)}%`
}
