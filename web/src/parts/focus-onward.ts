/** Where the focus goes when the button that has it is taken away together with its row. */
import type { RefObject } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'

/** To the last button of the next row, or of the one before, or to the page: nobody has to look for where they were. */
export function useFocusOnward(): RefObject<HTMLButtonElement | null> {
  const button = useRef<HTMLButtonElement>(null)
  useLayoutEffect(
    () => () => {
      const { current } = button
      if (current === null || current !== document.activeElement) return
      const row = current.closest('tr')
      const next = row?.nextElementSibling ?? row?.previousElementSibling
      const onward = [...(next?.querySelectorAll('button') ?? [])].at(-1) ?? document.getElementById('page')
      onward?.focus()
    },
    [],
  )
  return button
}
