/** What a page says of something that was done, or went wrong; a screen reader says it, too. */
import type { ComponentChildren } from 'preact'
import type { ApiError } from '../api.ts'

export type Told = { readonly kind: 'good' | 'warn' | 'bad'; readonly text: string; readonly more?: readonly string[] }

export function Problem({ problem }: { readonly problem: ApiError | undefined }) {
  if (problem === undefined) return null
  return (
    <p class="banner bad" role="alert">
      {problem.message}
    </p>
  )
}

const MARKS = { good: '✓', warn: '!', bad: '✗' }

export function Notice({ told }: { readonly told: Told | undefined }) {
  return (
    <div role="status" aria-live="polite">
      {told !== undefined && (
        <div class={`banner ${told.kind}`}>
          <span aria-hidden="true">{MARKS[told.kind]}</span> {told.text}
          {told.more !== undefined && told.more.length > 0 && (
            <ul class="refusals">
              {told.more.map((line) => (
                <li key={line}>{line}</li>
              ))}
            </ul>
          )}
        </div>
      )}
    </div>
  )
}

/** Nothing there: what to do next. */
export function Empty({ title, children }: { readonly title: string; readonly children: ComponentChildren }) {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {children}
    </div>
  )
}
