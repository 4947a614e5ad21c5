/** An address or prefix that leads to what is known about it. */
import { linkTo } from '../route.ts'

/** Of a prefix, its first address is asked for. */
export function AddressLink({ source }: { readonly source: string }) {
  return (
    <a class="mono" href={linkTo('check-ip', addressOf(source))} aria-label={`Check ${source}`}>
      {source}
    </a>
  )
}

export function addressOf(source: string): string {
  return source.split('/', 1)[0]
}
