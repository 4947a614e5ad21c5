/** Every table, by the name under which `Store` has it. */
import type { Client, Table } from './table.ts'
import { ATTACKS } from './tables/attacks.ts'
import { AUDIT } from './tables/audit.ts'
import { BANS } from './tables/bans.ts'
import { CONFIG_HISTORY } from './tables/config-history.ts'
import { EXPOSURE } from './tables/exposure.ts'
import { LIST_ENTRIES } from './tables/list-entries.ts'
import { NOTIFICATIONS } from './tables/notifications.ts'
import { SERIES } from './tables/series.ts'
import { SESSIONS } from './tables/sessions.ts'
import { TOKENS } from './tables/tokens.ts'
import { TOTALS } from './tables/totals.ts'
import { USERS } from './tables/users.ts'

export const TABLES = {
  users: USERS,
  tokens: TOKENS,
  sessions: SESSIONS,
  audit: AUDIT,
  configHistory: CONFIG_HISTORY,
  listEntries: LIST_ENTRIES,
  totals: TOTALS,
  series: SERIES,
  notifications: NOTIFICATIONS,
  exposure: EXPOSURE,
  attacks: ATTACKS,
  bans: BANS,
} satisfies Record<string, Table>

export type TableName = keyof typeof TABLES
export type Clients = { readonly [Name in TableName]: Client<(typeof TABLES)[Name]> }
