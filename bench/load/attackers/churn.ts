/** Connects and leaves at once, without a word; half of the cost is ours, and no count of open connections sees it. */
import type { Behaviour } from './raid.ts'

export const churn: Behaviour = { reads: true, stayMs: 0, leaveBy: 'reset' }
export const politeChurn: Behaviour = { reads: true, stayMs: 0, leaveBy: 'fin' }
