/** What the checklist has to be told of a service: kept while the page is open, for cut-over too. */
import { signal } from '@preact/signals'
import type { GoliveAsked } from '../../../src/api/contract.ts'
import { listOf, wordsOf } from './words.ts'

/** As written into the form. */
export interface AskedTexts {
  readonly domain: string
  readonly addresses: string
  readonly oldAddresses: string
  readonly subdomains: string
}

const NOTHING: AskedTexts = { domain: '', addresses: '', oldAddresses: '', subdomains: '' }
const textsByService = signal<ReadonlyMap<string, AskedTexts>>(new Map())

export function textsOf(service: string): AskedTexts {
  return textsByService.value.get(service) ?? NOTHING
}

export function setText(service: string, key: keyof AskedTexts, text: string): void {
  textsByService.value = new Map(textsByService.value).set(service, { ...textsOf(service), [key]: text })
}

/** `none` of old addresses is an empty list: there are none. */
export function askedOf(service: string): GoliveAsked {
  const { domain, addresses, oldAddresses, subdomains } = textsOf(service)
  const old = wordsOf(oldAddresses)
  const lists = {
    addresses: listOf(addresses),
    oldAddresses: old.length === 0 ? undefined : old.filter((word) => word !== 'none'),
    subdomains: listOf(subdomains),
  }
  const given = Object.entries(lists).filter(([, list]) => list !== undefined)
  return { ...(domain.trim() === '' ? {} : { domain: domain.trim() }), ...Object.fromEntries(given) }
}
