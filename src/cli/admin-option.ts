/** `--admin`: where the running daemon is asked, for every command that asks one. */
import { Option } from 'commander'
import { ADMIN_ADDRESS_DEFAULT } from '../api/contract.ts'

export function adminOption(): Option {
  const where = `admin.listen of the daemon (default: $TIDEGATE_ADMIN or ${ADMIN_ADDRESS_DEFAULT})`
  return new Option('--admin <address>', where)
}
