/** The pages, in the order of the menu. One page, one line here; its script is loaded when it is opened. */
import type { ComponentType } from 'preact'

export interface PageProps {
  /** What is behind the page's own name in the address: `web` of `#/services/web`. */
  readonly rest: readonly string[]
}

export interface Page {
  readonly path: string
  readonly title: string
  /** Who may see it; without it everybody who is logged in. */
  readonly role?: 'operator' | 'admin'
  /** It has a link of its own beside the menu. */
  readonly isBeside?: true
  readonly load: () => Promise<{ readonly default: ComponentType<PageProps> }>
}

export const PAGES: readonly Page[] = [
  { path: 'overview', title: 'Overview', load: () => import('./pages/overview.tsx') },
  { path: 'services', title: 'Services', load: () => import('./pages/services.tsx') },
  { path: 'attacks', title: 'Attacks', load: () => import('./pages/attacks.tsx') },
  { path: 'lists', title: 'Lists and bans', load: () => import('./pages/lists.tsx') },
  { path: 'check-ip', title: 'Check IP', load: () => import('./pages/check-ip.tsx') },
  { path: 'utilities', title: 'Utilities', load: () => import('./pages/utilities.tsx') },
  { path: 'config', title: 'Config', role: 'admin', load: () => import('./pages/config.tsx') },
  { path: 'notifications', title: 'Notifications', load: () => import('./pages/notifications.tsx') },
  { path: 'users', title: 'Users and tokens', role: 'admin', load: () => import('./pages/users.tsx') },
  { path: 'audit', title: 'Audit', role: 'operator', load: () => import('./pages/audit.tsx') },
  { path: 'doctor', title: 'Doctor', load: () => import('./pages/doctor.tsx') },
  { path: 'api', title: 'API', load: () => import('./pages/api.tsx') },
  { path: 'account', title: 'Your account', isBeside: true, load: () => import('./pages/account.tsx') },
]
