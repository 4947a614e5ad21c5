/** The doctor's round: facts, then every finding in the order that a report reads best. */
import type { Config } from '../config/config.ts'
import { databaseFacts, databasesFinding } from './databases.ts'
import { gatherFacts } from './facts.ts'
import type { Facts } from './facts.ts'
import type { Finding, Level } from './finding.ts'
import { makePlan } from './plan.ts'
import type { Plan } from './plan.ts'
import { localPortsFinding, localPortsUsedFinding, sourceAddressesFinding } from './ports.ts'
import * as program from './program.ts'
import * as queues from './queues.ts'
import { firewallProgramFinding, firewallRightsFinding, lowPortsFinding } from './rights.ts'
import * as room from './room.ts'
import { storeFact, storeFinding } from './store.ts'

/** Undefined where the question does not arise on this machine. */
type Examination = (facts: Facts, plan: Plan) => Finding | undefined

const EXAMINATIONS: readonly Examination[] = [
  program.nodeFinding,
  program.systemFinding,
  program.containerFinding,
  program.nativeCallsFinding,
  program.epollFinding,
  program.spliceFinding,
  program.ioUringFinding,
  program.pipeSizeFinding,
  program.pipePagesFinding,
  program.engineFinding,
  room.openFilesFinding,
  room.memoryFinding,
  queues.acceptQueueFinding,
  queues.synQueueFinding,
  queues.synAckRetriesFinding,
  queues.synCookiesFinding,
  queues.queueOverflowsFinding,
  localPortsFinding,
  localPortsUsedFinding,
  sourceAddressesFinding,
  room.buffersFinding,
  room.tcpMemoryFinding,
  queues.conntrackFinding,
  queues.conntrackLooseFinding,
  lowPortsFinding,
  firewallRightsFinding,
  firewallProgramFinding,
  databasesFinding,
  storeFinding,
]

/** Looks at this machine, and at what the configuration wants of it. */
export async function examineMachine(config?: Config): Promise<Finding[]> {
  return findingsFor(await gatherFacts(await databaseFacts(config), await storeFact(config)), config)
}

export function findingsFor(facts: Facts, config?: Config): Finding[] {
  const plan = makePlan(facts, config)
  return EXAMINATIONS.map((examine) => examine(facts, plan)).filter((finding) => finding !== undefined)
}

export function worstLevel(findings: readonly Finding[]): Level {
  if (findings.some(({ level }) => level === 'fail')) return 'fail'
  return findings.some(({ level }) => level === 'warn') ? 'warn' : 'ok'
}

export type { Finding, Level } from './finding.ts'
