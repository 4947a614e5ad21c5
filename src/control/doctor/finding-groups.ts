/** What findings are about, for a page that shows them together; each finding is in one group. */
import type { Finding, FindingId } from './finding.ts'

interface Group {
  readonly title: string
  readonly ids: readonly FindingId[]
}

export const FINDING_GROUPS = {
  program: {
    title: 'Program and engine',
    ids: [
      'node',
      'system',
      'container',
      'native-calls',
      'epoll',
      'splice',
      'io-uring',
      'pipe-size',
      'pipe-pages',
      'engine',
    ],
  },
  room: { title: 'Files and memory', ids: ['open-files', 'memory', 'buffers', 'tcp-memory'] },
  queues: {
    title: 'Queues of the kernel',
    ids: ['accept-queue', 'syn-queue', 'syn-ack-retries', 'syn-cookies', 'queue-overflows'],
  },
  ports: { title: 'Ports and addresses', ids: ['local-ports', 'local-ports-used', 'source-addresses', 'low-ports'] },
  firewall: {
    title: 'Firewall and connection tracking',
    ids: ['conntrack', 'conntrack-loose', 'firewall-rights', 'firewall-program'],
  },
  databases: { title: 'Store and databases', ids: ['store', 'databases'] },
} as const satisfies Record<string, Group>
export type FindingGroup = keyof typeof FINDING_GROUPS

/** Groups without a finding are left out. */
export function inGroups(findings: readonly Finding[]) {
  return Object.entries(FINDING_GROUPS)
    .map(([group, { title, ids }]: [string, Group]) => ({
      group,
      title,
      findings: findings.filter(({ id }) => ids.includes(id)),
    }))
    .filter((group) => group.findings.length > 0)
}
