/**
 * What the rules remember of one connection between two looks: a row of numbers, all zero when the first look comes.
 * A look is made by the timing wheel, never by an event, so a byte on its way pays nothing for the rules.
 */
export const WIRE = {
  /** Bits by rule: it has been counted as watched already. */
  watched: 0,
  /** When the window under way began; 0 when there is none. */
  sendSinceMs: 1,
  /** The client's bytes before the window. */
  sendBytesBefore: 2,
  /** The upstream's bytes when last looked at. */
  sendAnswered: 3,
  /** The client's bytes when the window was over, plus one; 0 before. */
  sendAtEnd: 4,
  readSinceMs: 5,
  /** What is to be acknowledged in all before the window is over. */
  readWanted: 6,
  tinySinceMs: 7,
  tinySegments: 8,
  tinyBytes: 9,
} as const
export const WIRE_NUMBERS = 10

/** Bits of `watched`. */
export const WATCHED = { 'slow-send': 1, 'slow-read': 2, 'tiny-segments': 4 } as const
/** The rules that can be watched are called as the reasons they end a connection for. */
export type WireReason = keyof typeof WATCHED

/** Looks in a window: a verdict comes at most a quarter of it late. */
export const LOOKS_PER_WINDOW = 4
