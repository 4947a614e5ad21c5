/** What `protect.firewall` asks of the kernel. */
export interface FirewallConfig {
  readonly mode: 'auto' | 'off'
  /** Of the family inet; each daemon on a machine needs one of its own. */
  readonly table: string
  /** Leave the table when the daemon stops. */
  readonly keep: boolean
  /** Whether packets on the loopback interface are judged too. */
  readonly loopback: boolean
  /** In each set. */
  readonly entriesMax: number
  /** New connections a second from one address, or one IPv6 /64; 0 is off. */
  readonly synsPerSecond: number
  readonly dropInvalid: boolean
  readonly synproxy: boolean
}
