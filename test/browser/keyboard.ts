/** The dashboard by keyboard alone: where the focus is, and whether anybody can see it. */
import assert from 'node:assert/strict'
import type { Page } from 'playwright-core'

/** A page with more stops is none that anybody goes through; whoever does not come out by then is caught. */
const STOPS_MAX = 600

export interface Focus {
  /** What it is called, and what it is. */
  readonly name: string
  readonly tag: string
  /** It has an outline, or something small around it has. */
  readonly isMarked: boolean
  /** Some of it is on the screen. */
  readonly isInView: boolean
  /** What is written in it. */
  readonly value?: string
}

/** Null where nothing has it. */
const FOCUS = `(() => {
  const at = document.activeElement
  if (at === null || at === document.body) return null
  let isMarked = false
  for (let one = at; one !== null; one = one.parentElement) {
    const { outlineStyle, outlineWidth } = getComputedStyle(one)
    isMarked ||= outlineStyle !== 'none' && parseFloat(outlineWidth) >= 1
    if (one.localName === 'section') break
  }
  const { left, top, right, bottom } = (at.closest('label') ?? at).getBoundingClientRect()
  const isInView = bottom > 0 && top < innerHeight && right > 0 && left < innerWidth
  const name = at.ariaLabel ?? at.labels?.[0]?.textContent ?? at.textContent ?? ''
  return { name: name.trim().slice(0, 100), tag: at.localName, isMarked, isInView, value: at.value }
})()`

/** Where every page begins. */
const FIRST = 'Skip the menu'

export class Keyboard {
  readonly #page: Page

  constructor(page: Page) {
    this.#page = page
  }

  async press(...keys: readonly string[]): Promise<void> {
    for (const key of keys) await this.#page.keyboard.press(key)
  }

  async write(text: string): Promise<void> {
    await this.#page.keyboard.insertText(text)
  }

  focus(): Promise<Focus | null> {
    return this.#page.evaluate<Focus | null>(FOCUS)
  }

  /** One stop on. Null between the end of the page and its begin. */
  async step(key: 'Tab' | 'Shift+Tab'): Promise<Focus | null> {
    await this.#page.keyboard.press(key)
    const focus = await this.focus()
    if (focus !== null) {
      assert.ok(focus.isMarked, `the focus cannot be seen: ${focus.tag} ${focus.name}`)
      assert.ok(focus.isInView, `the focus is out of sight: ${focus.tag} ${focus.name}`)
    }
    return focus
  }

  /** Presses Tab until that has the focus. */
  async goTo(name: string | RegExp, key: 'Tab' | 'Shift+Tab' = 'Tab'): Promise<void> {
    for (let stops = 0; stops < STOPS_MAX; stops++) {
      const focus = await this.step(key)
      if (focus !== null && (typeof name === 'string' ? focus.name === name : name.test(focus.name))) return
    }
    assert.fail(`${String(name)} is not to be reached by ${key}`)
  }

  /** From the begin of the page through all of it to the begin again; says where it stopped. */
  async through(key: 'Tab' | 'Shift+Tab'): Promise<Focus[]> {
    if ((await this.focus())?.name !== FIRST) await this.goTo(FIRST, key)
    const stops: Focus[] = []
    for (let focus = await this.step(key); focus?.name !== FIRST; focus = await this.step(key)) {
      if (focus !== null) stops.push(focus)
      const [before, last] = stops.slice(-2)
      assert.ok(stops.length < STOPS_MAX, `caught: ${key} goes from ${before?.name} to ${last?.name} for ever`)
    }
    return stops
  }
}
