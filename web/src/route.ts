/** Where in the dashboard we are: the part of the address behind `#/`. */
import { computed, signal } from '@preact/signals'

const hash = signal(location.hash)
addEventListener('hashchange', () => (hash.value = location.hash))

/** `['services', 'web']`; names are decoded. */
export const route = computed<readonly string[]>(() => {
  const path = hash.value.replace(/^#\/?/, '').split('?', 1)[0] ?? ''
  return path.split('/').filter(Boolean).map(decode)
})

/** `#/services/web` */
export function linkTo(...parts: readonly string[]): string {
  return `#/${parts.map(encodeURIComponent).join('/')}`
}

export function goTo(...parts: readonly string[]): void {
  location.hash = linkTo(...parts)
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
