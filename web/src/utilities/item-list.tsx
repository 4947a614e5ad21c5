/** The items of a checklist: the state as a word and a colour, what was seen, what to do. */
import type { ChecklistItem, ChecklistState } from '../../../src/api/contract.ts'

const WORDS: Readonly<Record<ChecklistState, readonly [word: string, badge: string]>> = {
  ok: ['ok', 'badge good'],
  warn: ['warning', 'badge warn'],
  fail: ['fail', 'badge bad'],
  unknown: ['unknown', 'badge'],
}

export function StateBadge({ state }: { readonly state: ChecklistState }) {
  const [word, badge] = WORDS[state]
  return <span class={badge}>{word}</span>
}

export function ItemList({ items }: { readonly items: readonly ChecklistItem[] }) {
  return (
    <ol class="items">
      {items.map(({ id, title, state, saw, next }) => (
        <li key={id}>
          <StateBadge state={state} />
          <div>
            <div class="title">{title}</div>
            <p>{saw}</p>
            {next !== undefined && (
              <p>
                <strong>Next:</strong> {next}
              </p>
            )}
          </div>
        </li>
      ))}
    </ol>
  )
}

/** `3 ok, 1 warning, 2 unknown` */
export function countText(items: readonly ChecklistItem[]): string {
  return Object.entries(WORDS)
    .map(([state, [word]]) => [items.filter((item) => item.state === state).length, word] as const)
    .filter(([count]) => count > 0)
    .map(([count, word]) => `${count} ${word}`)
    .join(', ')
}
