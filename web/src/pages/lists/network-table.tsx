/** Networks that are banned or on a list: until when, what for, by whom; and how each is taken off. */
import type { ComponentChildren } from 'preact'
import { AddressLink } from '../../parts/address-link.tsx'
import { Columns } from '../../parts/columns.tsx'
import { End, Since } from '../../parts/end.tsx'
import { RowButton } from '../../parts/row-button.tsx'
import { may } from '../../session.ts'

export interface NetworkRow {
  readonly network: string
  readonly badge?: ComponentChildren
  readonly until: string | null
  readonly reason: ComponentChildren
  readonly by: ComponentChildren
  readonly since: string
}

interface NetworkTableProps {
  /** Of three of the columns. */
  readonly titles: { readonly network: string; readonly reason: string; readonly by: string }
  readonly rows: readonly NetworkRow[]
  /** What the button of a row does, for who does not see the row. */
  readonly verbOf: (network: string) => string
  readonly onRemove: (network: string) => void
}

export function NetworkTable({ titles, rows, verbOf, onRemove }: NetworkTableProps) {
  return (
    <div class="wide">
      <table class="stacks">
        <Columns names={[titles.network, 'Ends', titles.reason, titles.by, 'Since', { unseen: 'Action' }]} />
        <tbody>
          {rows.map(({ network, badge, until, reason, by, since }) => (
            <tr key={network}>
              <th scope="row">
                <AddressLink source={network} /> {badge}
              </th>
              <td data-label="Ends">
                <End until={until} />
              </td>
              <td data-label={titles.reason} class="text">
                {reason}
              </td>
              <td data-label={titles.by}>{by}</td>
              <td data-label="Since">
                <Since at={since} />
              </td>
              <td class="number">
                {may('operator') && (
                  <RowButton label={verbOf(network)} onPress={() => onRemove(network)}>
                    Remove
                  </RowButton>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
