/** The head of a table. */

/** A plain name; of numbers, which stand on the right; or one that only who hears the page needs. */
type ColumnName = string | { readonly number: string } | { readonly unseen: string }

export function Columns({ names }: { readonly names: readonly ColumnName[] }) {
  return (
    <thead>
      <tr>{names.map(headOf)}</tr>
    </thead>
  )
}

function headOf(name: ColumnName, i: number) {
  const isNumber = typeof name === 'object' && 'number' in name
  return (
    <th key={i} scope="col" class={isNumber ? 'number' : undefined}>
      {typeof name === 'string' ? name : isNumber ? name.number : <span class="unseen">{name.unseen}</span>}
    </th>
  )
}
