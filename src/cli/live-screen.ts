/** A text on the terminal that is drawn anew once a second, until Ctrl-C. */
import { setTimeout as delay } from 'node:timers/promises'
import { CommandError } from './exit-code.ts'
import { painterFor } from './painter.ts'

const REFRESH_EVERY_MS = 1_000
/** Cursor to the top left, clear from there: no flicker, and the text stays when the command ends. */
const REDRAW = '\u001b[H\u001b[J'
const CLEAR_SCREEN = '\u001b[2J'

/** A daemon that goes away is waited for: whoever watches a restart wants to see it come back. */
export async function showLive(first: string, next: () => Promise<string>): Promise<never> {
  const paint = painterFor(process.stdout)
  let text = first
  process.stdout.write(CLEAR_SCREEN)
  for (;;) {
    process.stdout.write(REDRAW + clipped(text))
    await delay(REFRESH_EVERY_MS)
    try {
      text = await next()
    } catch (error) {
      if (!(error instanceof CommandError)) throw error
      text = `${paint('red', error.message)}\nTrying again every second; Ctrl-C ends this.\n`
    }
  }
}

/** What fits on the terminal: a longer text would scroll, and the next one would be drawn over its middle. */
function clipped(text: string): string {
  const lines = text.split('\n')
  // 0 where the terminal does not know.
  const rows = process.stdout.rows > 0 ? process.stdout.rows - 1 : Infinity
  return lines.length <= rows ? text : [...lines.slice(0, rows - 1), '…'].join('\n')
}
