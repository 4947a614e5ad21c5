/** The counts at the end of a node:test run in one line: `tests 12, pass 11, fail 1`; zeros are left out, `tests` never. */
export function closingLines(output) {
  const counts = [...output.matchAll(/^(?:ℹ|#) (tests|pass|fail|cancelled|skipped|todo) (\d+)$/gmu)]
  const shown = counts.filter(([, name, count]) => name === 'tests' || count !== '0')
  return shown.length === 0 ? 'no test ran' : shown.map(([, name, count]) => `${name} ${count}`).join(', ')
}
