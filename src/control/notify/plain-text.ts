/** Text of others on its way to people: one line without anything that is not to be seen, and never markup. */

const CHARACTERS_MAX = 400

/** Control characters, line breaks and marks that turn the direction of text become spaces. */
export function plain(text: string): string {
  const line = text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}]+/gu, ' ')
  const characters = Array.from(line.slice(0, (CHARACTERS_MAX + 1) * 2))
  return characters.length <= CHARACTERS_MAX ? line : `${characters.slice(0, CHARACTERS_MAX - 1).join('')}…`
}

/** Zero width: it is not seen, and what stands around it is no mark any more. */
const BREAK = '\u200B'

/**
 * For Slack and those who take its messages. `& < >` as Slack wants them: no `<!channel>`, no `<url|text>`. Mattermost and
 * Discord read Markdown and `@all` in the same text; there the marks are broken.
 */
export function slackText(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll(/[@#](?=\S)|\](?=\()|:(?=\/\/)|[*_~`|](?=\S)/g, (mark) => mark + BREAK)
}
