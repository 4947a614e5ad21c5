/** The known word that a mistyped one most likely stands for. */

/** Longer words are not compared: the distance costs their product, and nobody means them. */
const WORD_LENGTH_MAX = 64

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

/** `conn` is far from `connections` by distance, but if it begins only one known word it is meant. */
function onlyPrefixed(plainWord: string, known: readonly string[]): string | undefined {
  if (plainWord.length < 3) return undefined
  const found = known.filter((candidate) => plain(candidate).startsWith(plainWord))
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
