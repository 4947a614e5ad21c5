/** Bans and lists: who is kept out, who is always let in. */
import type { PageProps } from '../pages.ts'
import { linkTo } from '../route.ts'
import { AllLists } from './lists/all-lists.tsx'
import { Bans } from './lists/bans.tsx'
import { KeptList } from './lists/kept-list.tsx'

const TABS = [
  ['bans', 'Bans'],
  ['all', 'Lists'],
] as const

export default function ListsAndBans({ rest: [tab = 'bans', action = '', name = ''] }: PageProps) {
  const isKept = tab === 'kept' && (action === 'allow' || action === 'deny') && name !== ''
  const current = tab === 'bans' ? 'bans' : 'all'
  return (
    <>
      <h1>Lists and bans</h1>
      <nav class="tabs" aria-label="Lists and bans">
        {TABS.map(([path, title]) => (
          <a key={path} href={linkTo('lists', path)} aria-current={path === current ? 'page' : undefined}>
            {title}
          </a>
        ))}
      </nav>
      {isKept ? (
        <KeptList key={`${action}/${name}`} action={action} name={name} />
      ) : current === 'bans' ? (
        <Bans />
      ) : (
        <AllLists />
      )}
    </>
  )
}
