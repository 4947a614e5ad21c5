/** The frame around every page: the menu, whether we are still connected, and the page itself. */
import { signal } from '@preact/signals'
import type { ComponentType } from 'preact'
import { useEffect } from 'preact/hooks'
import { link, look, startLive } from './live.ts'
import { type Page, type PageProps, PAGES } from './pages.ts'
import { Login } from './login.tsx'
import { linkTo, route } from './route.ts'
import { loadSession, logOut, may, session, sessionProblem } from './session.ts'
import { SetUp } from './set-up.tsx'

/** Pages whose script has come. */
const loaded = signal<ReadonlyMap<string, ComponentType<PageProps>>>(new Map())

/** Nothing is asked for, and nothing shown, before it is known who is there. */
export function App() {
  useEffect(() => void loadSession(), [])
  const isLoggedIn = session.value?.identity != null
  useEffect(() => {
    if (isLoggedIn) startLive()
  }, [isLoggedIn])
  if (route.value[0] === 'setup') return <SetUp secret={route.value[1] ?? ''} />
  if (session.value === undefined) return <p class="quiet start">{sessionProblem.value ?? 'Loading…'}</p>
  return isLoggedIn ? <Pages /> : <Login />
}

function Pages() {
  const [name = 'overview', ...rest] = route.value
  const page = PAGES.find(({ path, role }) => path === name && (role === undefined || may(role)))
  useEffect(() => {
    document.title = `${page?.title ?? 'Not found'} · Tidegate`
    // Who uses a screen reader hears where they are.
    document.getElementById('page')?.focus({ preventScroll: true })
    if (page !== undefined) void load(page)
  }, [page])
  useEffect(() => {
    scrollTo(0, 0)
    // The link that led further down the same page is gone, and the focus with it.
    if (document.activeElement === document.body) document.getElementById('page')?.focus({ preventScroll: true })
  }, [name, ...rest])
  const Content = loaded.value.get(name)
  return (
    <>
      <a class="skip" href="#page" onClick={skipToPage}>
        Skip the menu
      </a>
      <Header current={name} />
      <main id="page" tabIndex={-1} aria-label={page?.title}>
        {link.value === 'lost' && (
          <p class="banner bad" role="alert">
            The connection to Tidegate is lost. What you see is old; trying again.
          </p>
        )}
        {page === undefined ? (
          <NotFound />
        ) : Content === undefined ? (
          <p class="quiet">Loading…</p>
        ) : (
          <Content rest={rest} />
        )}
      </main>
    </>
  )
}

function Header({ current }: { readonly current: string }) {
  useEffect(() => {
    // On a phone the menu is a row that scrolls.
    document.querySelector('.top nav [aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' })
  }, [current])
  return (
    <header class="top">
      <a class="brand" href={linkTo('overview')}>
        <img src="./icon.svg" alt="" width={24} height={24} /> Tidegate
      </a>
      <span class="node quiet">{look.value?.status.version}</span>
      <Who isCurrent={current === 'account'} />
      <nav aria-label="Pages">
        {PAGES.filter(({ role, isBeside }) => isBeside !== true && (role === undefined || may(role))).map(
          ({ path, title }) => (
            <a key={path} href={linkTo(path)} aria-current={path === current ? 'page' : undefined}>
              {title}
            </a>
          ),
        )}
      </nav>
    </header>
  )
}

function Who({ isCurrent }: { readonly isCurrent: boolean }) {
  const identity = session.value?.identity
  if (identity?.kind !== 'user') return null
  return (
    <span class="who">
      <a href={linkTo('account')} aria-current={isCurrent ? 'page' : undefined}>
        {identity.who}
      </a>
      <button type="button" onClick={() => void logOut().catch(loadSession)}>
        Log out
      </button>
    </span>
  )
}

function NotFound() {
  return (
    <section>
      <h1>There is no such page</h1>
      <p>
        Or it is not for your role. Go to the <a href={linkTo('overview')}>overview</a>.
      </p>
    </section>
  )
}

async function load(page: Page): Promise<void> {
  if (loaded.value.has(page.path)) return
  const { default: component } = await page.load()
  loaded.value = new Map(loaded.value).set(page.path, component)
}

/** The address is ours: a link within the page would leave it. */
function skipToPage(event: MouseEvent): void {
  event.preventDefault()
  document.getElementById('page')?.focus()
}
