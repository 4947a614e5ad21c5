/**
 * What the rules remember of one connection between two looks: a row of numbers for each rule that is not off, all zero
 * when the first look comes. The first number of each row is when the window under way began; 0 when there is none.
 * A look is made by the timing wheel, never by an event, so a byte on its way pays nothing for the rules.
 */

/** In place of the window's beginning: a rule on `watch` has counted the connection, and does so once. */
export const COUNTED = -1

/** The rules that can be watched are called as the reasons they end a connection for. */
export type WireReason = 'slow-send' | 'slow-read' | 'tiny-segments'

/** Looks in a window: a verdict comes at most a quarter of it late. */
export const LOOKS_PER_WINDOW = 4
