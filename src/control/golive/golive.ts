/** The door of the room: what a service needs before clients are sent to it. The command line knows this file only. */
export { FIREWALL_FORMATS, FirewallError, ROLLBACK_AFTER_S_DEFAULT } from './firewall/plan.ts'
export { type FirewallAnswer, firewallFor, type FirewallRequest } from './firewall-for.ts'
