/** The known word that a mistyped one most likely stands for. */

/** Longer words are not compared: the distance costs their product, and nobody means them. */
const WORD_LENGTH_MAX = 64
const PREFIX_LENGTH_MIN = 3

/** The nearest known word, or undefined when none is near. Case, `-` and `_` count for nothing: `idle_timeout` is `idleTimeout`. */
export function didYouMean(word: string, known: readonly string[]): string | undefined {
  if (word.length > WORD_LENGTH_MAX) return undefined
  const plainWord = plain(word)
  let best: string | undefined
  let bestDistance = Math.max(1, Math.floor(plainWord.length / 3)) + 1
  for (const candidate of known) {
    const distance = editDistance(plainWord, plain(candidate))
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best ?? onlyPrefixed(plainWord, known)
}

/** `conn` is far from `connections` by distance, and `warning` from `warn`, but one begins the other and no other known word. */
function onlyPrefixed(plainWord: string, known: readonly string[]): string | undefined {
  const found = known.filter((candidate) => {
    const plainCandidate = plain(candidate)
    const shorter = Math.min(plainWord.length, plainCandidate.length)
    return shorter >= PREFIX_LENGTH_MIN && plainWord.slice(0, shorter) === plainCandidate.slice(0, shorter)
  })
  return found.length === 1 ? found[0] : undefined
}

function plain(word: string): string {
  return word.toLowerCase().replaceAll(/[-_ ]/g, '')
}

/** Single-letter insertions, deletions, replacements and swaps of neighbours between two words (optimal string alignment). */
export function editDistance(a: string, b: string): number {
  let beforePrevious: number[] = []
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const current = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = previous[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)
      current[j] = Math.min(previous[j] + 1, current[j - 1] + 1, replaced)
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (swapped) current[j] = Math.min(current[j], beforePrevious[j - 2] + 1)
    }
    beforePrevious = previous
    previous = current
  }
  return previous[b.length]
}
