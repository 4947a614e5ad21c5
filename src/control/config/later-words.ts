/** Keys and words of the design that a later version brings. They are named so that nobody searches for a typo. */

/** By the place of the mapping, with list positions left out. */
export const LATER_KEYS: Readonly<Record<string, readonly string[]>> = {}

export const LATER_MODES: readonly string[] = ['http']
