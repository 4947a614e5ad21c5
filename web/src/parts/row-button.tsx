/** A button that takes its row away. */
import type { ComponentChildren } from 'preact'
import { useFocusOnward } from './focus-onward.ts'

interface RowButtonProps {
  /** With what the row is about. */
  readonly label: string
  readonly onPress: () => void
  readonly children: ComponentChildren
}

export function RowButton({ label, onPress, children }: RowButtonProps) {
  const button = useFocusOnward()
  return (
    <button type="button" ref={button} aria-label={label} onClick={onPress}>
      {children}
    </button>
  )
}
