/** What firewall scripts can be written for. The dashboard has this file, too. */
export const FIREWALL_FORMATS = ['nftables', 'iptables', 'ipset', 'ufw', 'firewalld', 'windows'] as const
export type FirewallFormat = (typeof FIREWALL_FORMATS)[number]
