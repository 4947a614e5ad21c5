/** The frame around every page: the menu, whether we are still connected, and the page itself. */
import { signal } from '@preact/signals'
import type { ComponentType } from 'preact'
import { useEffect } from 'preact/hooks'
import { link, look, startLive } from './live.ts'
import { type Page, type PageProps, PAGES } from './pages.ts'
import { linkTo, route } from './route.ts'

/** Pages whose script has come. */
const loaded = signal<ReadonlyMap<string, ComponentType<PageProps>>>(new Map())

export function App() {
  useEffect(startLive, [])
  const [name = 'overview', ...rest] = route.value
  const page = PAGES.find(({ path }) => path === name)
  useEffect(() => {
    document.title = `${page?.title ?? 'Not found'} · Tidegate`
    // Who uses a screen reader hears where they are.
    document.getElementById('page')?.focus({ preventScroll: true })
    if (page !== undefined) void load(page)
  }, [page])
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
  return (
    <header class="top">
      <a class="brand" href={linkTo('overview')}>
        <img src="./icon.svg" alt="" width={24} height={24} /> Tidegate
      </a>
      <nav aria-label="Pages">
        {PAGES.map(({ path, title }) => (
          <a key={path} href={linkTo(path)} aria-current={path === current ? 'page' : undefined}>
            {title}
          </a>
        ))}
      </nav>
      <span class="node quiet">{look.value?.status.version}</span>
    </header>
  )
}

function NotFound() {
  return (
    <section>
      <h1>There is no such page</h1>
      <p>
        Go to the <a href={linkTo('overview')}>overview</a>.
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
