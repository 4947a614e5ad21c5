/** A process that writes to a store without end, and says on stdout what was confirmed. For kill -9 in the middle of it. */
import { openLog } from '../../src/control/log/log.ts'
import { Store } from '../../src/control/store/store.ts'

const [stateDir, round] = process.argv.slice(2)
const log = openLog({ level: 'info', format: 'json', stream: process.stderr })
const store = await Store.open(stateDir, log)
process.stdout.write(`${store.state.kind}\n`)

/** Several at once: some are in the middle of a transaction, some wait, whenever the end comes. */
async function write(lane: number): Promise<never> {
  for (let i = 0; ; i++) {
    const name = `${round}-${lane}-${i}`
    const entry = {
      atMs: Date.now(),
      who: name,
      from: '',
      action: 'test',
      target: '',
      details: { lane },
      result: 'done',
    }
    await store.audit.add(entry)
    const user = { name, passwordHash: 'x', role: 'viewer', totpSecret: null, createdMs: 1, lastLoginMs: null } as const
    if (i % 10 === 0) await store.users.add({ ...user, isDisabled: false })
    const text = `version: ${name}\n${'# a comment\n'.repeat(500)}`
    if (i % 10 === 5) await store.configHistory.add({ atMs: Date.now(), who: name, why: 'test', text })
    process.stdout.write(`${name}\n`)
  }
}

await Promise.all([0, 1, 2].map(write))
