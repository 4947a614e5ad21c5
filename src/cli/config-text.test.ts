import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ConfigChangeAnswer } from '../api/contract.ts'
import { changeText } from './config-text.ts'

const plain = (_: unknown, text: string): string => text

test('what is wrong is told at its place in the file that was sent', () => {
  const problem = {
    code: 'E_CONFIG_VALUE',
    file: 'tidegate.yaml',
    line: 6,
    column: 11,
    key: 'mode',
    message: 'is wrong',
  }
  const answer: ConfigChangeAnswer = {
    kind: 'wrong-config',
    problems: [problem, { ...problem, line: 7 }],
    text: 'tidegate.yaml:6:11: mode: is wrong\ntidegate.yaml:7:11: mode: is wrong, see tidegate.yaml:1:1\n… and 2 more',
    unified: '',
    version: '0',
  }
  const told = (file?: string): string => changeText(answer, plain, file).problems
  assert.equal(
    told('new.yaml'),
    'new.yaml:6:11: mode: is wrong\nnew.yaml:7:11: mode: is wrong, see tidegate.yaml:1:1\n… and 2 more\nNothing has changed.\n',
  )
  // A rollback has no file of its own.
  assert.match(told(), /^tidegate\.yaml:6:11/)
})
