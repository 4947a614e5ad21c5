/** How many clients, by reason. */
import { count } from '../format.ts'
import type { ReasonCount } from '../rates.ts'
import { Columns } from './columns.tsx'

interface ReasonTableProps {
  readonly caption: string
  readonly rows: readonly ReasonCount[]
}

export function ReasonTable({ caption, rows }: ReasonTableProps) {
  return (
    <table>
      <caption class="unseen">{caption}</caption>
      <Columns names={['Reason', { number: 'A second' }, { number: 'Since the start' }]} />
      <tbody>
        {rows.map(({ reason, count: all, perSecond }) => (
          <tr key={reason}>
            <th scope="row">
              <code>{reason}</code>
            </th>
            <td class="number">{count(perSecond)}</td>
            <td class="number">{count(all)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
