/** The pages, in the order of the menu. One page, one line here; its script is loaded when it is opened. */
import type { ComponentType } from 'preact'

export interface PageProps {
  /** What is behind the page's own name in the address: `web` of `#/services/web`. */
  readonly rest: readonly string[]
}

export interface Page {
  readonly path: string
  readonly title: string
  readonly load: () => Promise<{ readonly default: ComponentType<PageProps> }>
}

export const PAGES: readonly Page[] = [
  { path: 'overview', title: 'Overview', load: () => import('./pages/overview.tsx') },
  { path: 'utilities', title: 'Utilities', load: () => import('./pages/utilities.tsx') },
]
