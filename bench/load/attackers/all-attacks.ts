/** Every attack by connections under its name. A new one is a file in this folder and a place in this list. */
import { askingFlood } from './asking-flood.ts'
import { churn, politeChurn } from './churn.ts'
import { flood } from './flood.ts'
import { forgedHeader, slowHeader, wrongHeader } from './proxy-header.ts'
import type { Behaviour } from './raid.ts'
import { closedWindow, trickle } from './slow-read.ts'
import { slowSend } from './slow-send.ts'
import { tinySegments } from './tiny-segments.ts'

export const ALL_ATTACKS = {
  flood,
  'asking-flood': askingFlood,
  churn,
  'polite-churn': politeChurn,
  'slow-send': slowSend,
  'closed-window': closedWindow,
  trickle,
  'tiny-segments': tinySegments,
  'slow-header': slowHeader,
  'forged-header': forgedHeader,
  'wrong-header': wrongHeader,
} as const satisfies Record<string, Behaviour>

export type AttackName = keyof typeof ALL_ATTACKS
