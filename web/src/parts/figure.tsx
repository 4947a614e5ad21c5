/** One number with its name. */
interface FigureProps {
  readonly label: string
  readonly value: string
  readonly note?: string
  readonly bad?: boolean
}

export function Figure({ label, value, note, bad = false }: FigureProps) {
  return (
    <div class="figure">
      <div class="label">{label}</div>
      <div class={bad ? 'value bad-text' : 'value'}>{value}</div>
      {note !== undefined && <div class="note">{note}</div>}
    </div>
  )
}
