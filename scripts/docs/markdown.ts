/** What the checks of the docs need to know of a Markdown file: its links, headings and pieces of code. */

export interface Piece {
  readonly line: number
  readonly text: string
}

interface Marked {
  /** Lines of fenced blocks and inline code. */
  readonly code: readonly Piece[]
  /** Lines outside of code, with inline code blanked. */
  readonly prose: readonly Piece[]
}

const FENCE = /^\s*(?:```|~~~)/
const INLINE_CODE = /(`+)(.+?)\1/g

/** Splits a file into code and the rest. */
export function splitCode(markdown: string): Marked {
  const code: Piece[] = []
  const prose: Piece[] = []
  let inFence = false
  markdown.split('\n').forEach((text, i) => {
    const line = i + 1
    if (FENCE.test(text)) inFence = !inFence
    else if (inFence) code.push({ line, text })
    else {
      for (const [, , inline] of text.matchAll(INLINE_CODE)) code.push({ line, text: inline })
      prose.push({ line, text: text.replaceAll(INLINE_CODE, '') })
    }
  })
  return { code, prose }
}

/** Targets of `[text](target)` and `<img src="target">` that lead to a place in this repository. */
export function relativeLinks(markdown: string): Piece[] {
  return splitCode(markdown).prose.flatMap(({ line, text }) =>
    [...text.matchAll(/\]\(\s*<?([^)\s>]+)>?[^)]*\)|\bsrc="([^"]+)"/g)]
      .map(([, link, source]) => ({ line, text: link ?? source }))
      .filter((target) => !/^[a-z][a-z0-9+.-]*:|^\/\//i.test(target.text)),
  )
}

/** The anchors that a file's headings give, as GitHub makes them. */
export function anchors(markdown: string): Set<string> {
  const found = new Set<string>()
  let inFence = false
  for (const line of markdown.split('\n')) {
    if (FENCE.test(line)) inFence = !inFence
    const heading = inFence ? null : /^#{1,6}\s+(.+?)\s*#*$/.exec(line)
    if (heading) found.add(slug(heading[1]))
  }
  return found
}

function slug(heading: string): string {
  const plain = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').replaceAll('`', '')
  return plain
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(/\s/g, '-')
}

/** One command line of ours, as far as a pipe, a comment or a redirection. */
export interface CommandLine {
  readonly line: number
  readonly words: readonly string[]
}

/** Command lines that start with `tidegate`, after `$`, `#`, `sudo`, `npx`, a path or variables. */
export function commandLines(markdown: string): CommandLine[] {
  return splitCode(markdown).code.flatMap(({ line, text }) => {
    const match =
      /^\s*(?:[$#]\s+)?(?:[A-Z_]+=\S*\s+)*(?:(?:sudo|npx)\s+)?(?:\S*\/)?tidegate(?:\s+([^|#;&>\n]*))?(?:[|#;&>].*)?$/.exec(
        text,
      )
    if (!match) return []
    return [
      { line, words: (match[1] ?? '').split(/\s+/).filter((word) => word !== '' && word !== '…' && word !== '...') },
    ]
  })
}
