/** How an upstream is, in words. */
import type { UpstreamStatus } from '../../../src/api/contract.ts'

type Mood = 'good' | 'warn' | 'bad'

export function UpstreamBadge({ upstream }: { readonly upstream: UpstreamStatus }) {
  const { mood, words } = stateOf(upstream)
  return <span class={`badge ${mood}`}>{words}</span>
}

function stateOf({ up, wanted, found, ejected, weight }: UpstreamStatus): {
  readonly mood: Mood
  readonly words: string
} {
  if (wanted === 'down') return { mood: 'warn', words: 'down, as wanted' }
  if (found === 'down') return { mood: 'bad', words: 'down, by its checks' }
  if (ejected) return { mood: 'bad', words: 'taken out: connects failed' }
  if (!up) return { mood: 'bad', words: 'unreachable' }
  if (wanted === 'drain') return { mood: 'warn', words: 'draining' }
  if (weight === 0) return { mood: 'warn', words: 'up, no new clients (weight 0)' }
  return { mood: 'good', words: found === 'up' ? 'up, checked' : 'up' }
}
