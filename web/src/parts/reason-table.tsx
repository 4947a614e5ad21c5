/** How many clients, by reason. */
import { count } from '../format.ts'
import type { ReasonCount } from '../rates.ts'

interface ReasonTableProps {
  readonly caption: string
  readonly rows: readonly ReasonCount[]
}

export function ReasonTable({ caption, rows }: ReasonTableProps) {
  return (
    <table>
      <caption class="unseen">{caption}</caption>
      <thead>
        <tr>
          <th scope="col">Reason</th>
          <th scope="col" class="number">
            A second
          </th>
          <th scope="col" class="number">
            Since the start
          </th>
        </tr>
      </thead>
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
