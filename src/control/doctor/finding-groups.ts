import { FINDING_GROUPS, FINDINGS, type Finding } from './finding.ts'

/** Groups without a finding are left out. */
export function inGroups(findings: readonly Finding[]) {
  return Object.entries(FINDING_GROUPS)
    .map(([group, title]) => ({ group, title, findings: findings.filter(({ id }) => FINDINGS[id] === group) }))
    .filter((group) => group.findings.length > 0)
}
