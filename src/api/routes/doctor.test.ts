import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { AdminForTest, NO_ACTIONS } from '../../../test/harness/admin-for-test.ts'
import { FINDING_GROUPS, FINDING_IDS, type Finding } from '../../control/doctor/finding.ts'
import { inGroups } from '../../control/doctor/finding-groups.ts'
import { DOCTOR_PATH, DoctorAnswer } from '../contract.ts'

test('every finding is in one group', () => {
  const all = FINDING_IDS.map((id): Finding => ({ id, level: 'ok', sentence: 'Fine.' }))
  const groups = inGroups(all)
  const ids = groups.flatMap(({ findings }) => findings.map(({ id }) => id))
  assert.deepEqual(ids.toSorted(), [...FINDING_IDS].sort())
  assert.deepEqual(
    groups.map(({ title }) => title),
    Object.values(FINDING_GROUPS),
  )
})

describe('/api/v1/doctor', () => {
  let admin: AdminForTest
  let rounds = 0
  let isBroken = true
  const findings: Finding[] = [
    { id: 'node', level: 'ok', sentence: 'Node.js 24.' },
    { id: 'memory', level: 'warn', sentence: 'Little.', remedy: 'More.' },
    { id: 'epoll', level: 'ok', sentence: 'Works.' },
  ]
  const examine = async (): Promise<Finding[]> => {
    rounds++
    if (isBroken) throw new Error('out of files')
    return findings
  }
  before(async () => (admin = await AdminForTest.start({ actions: { ...NO_ACTIONS, examine } })))
  after(() => admin.close())

  test('a round that fails is not kept', async () => {
    assert.equal((await admin.get(DOCTOR_PATH)).status, 500)
    isBroken = false
    assert.equal((await admin.get(DOCTOR_PATH)).status, 200)
  })

  test('findings come in groups with what to do; who asks at the same time gets the same round', async () => {
    const before = rounds
    const answers = await Promise.all([1, 2, 3].map(() => admin.get(DOCTOR_PATH)))
    assert.equal(rounds, before)
    const { level, groups } = DoctorAnswer.parse(answers[0].body)
    assert.equal(level, 'warn')
    assert.deepEqual(
      groups.map(({ group, findings: some }) => [group, some.map(({ id, remedy }) => [id, remedy])]),
      [
        [
          'program',
          [
            ['node', null],
            ['epoll', null],
          ],
        ],
        ['room', [['memory', 'More.']]],
      ],
    )
  })
})
