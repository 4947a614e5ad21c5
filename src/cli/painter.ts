import { styleText } from 'node:util'

/** Colours text where the stream is a terminal that wants colours (NO_COLOR, FORCE_COLOR), else leaves it as it is. */
export type Painter = (style: 'bold' | 'dim' | 'green' | 'yellow' | 'red', text: string) => string

export function painterFor(stream: NodeJS.WriteStream): Painter {
  return (style, text) => styleText(style, text, { stream, validateStream: true })
}

export const PLAIN: Painter = (_, text) => text
