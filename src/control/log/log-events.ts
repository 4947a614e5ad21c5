/**
 * Every event of the log, with its level. Names stay: alerts and tests rely on them. docs/log-events.md is compared
 * with this table by a test. The lines of connections are the one exception: they have no level (connection-line.ts).
 */
export const LOG_EVENTS = {
  'admin-listening': { level: 'info', meaning: 'The admin API is open; `address`, `url`.' },
  audit: {
    level: 'info',
    meaning: 'Somebody changed something, or was refused to; `who`, `from`, `action`, `target`, `details`, `status`.',
  },
  'setup-link': {
    level: 'info',
    meaning: 'No user is there yet; `link` is where the first admin is made, once, and `until` when.',
  },
  'admin-certificate': {
    level: 'info',
    meaning:
      "The admin API is encrypted, or a reload took in a renewed certificate; `fingerprint` is the SHA-256 of its certificate, `problem` why ours can't be kept.",
  },
  'admin-certificate-not-read': {
    level: 'error',
    meaning:
      'A renewed certificate of admin.tls, or its key, can not be used; the one from before is served. `file`, `reason`.',
  },
  'api-defect': {
    level: 'error',
    meaning:
      'A defect in a route of the admin API, whose answer was `E_INTERNAL`; `route`, `stack`. Once a minute each.',
  },
  'no-local-token': {
    level: 'error',
    meaning:
      "The token for commands on this machine can't be kept in stateDir; `why`, and `file`, where it is until the daemon ends.",
  },
  listening: {
    level: 'info',
    meaning: 'A listener is open in all workers; `service`, `address` with the port it got.',
  },
  ready: {
    level: 'info',
    meaning: 'All listeners are open; `engine`, `workers`, `maxConnections`, `version`, `pid`.',
  },
  'start-warning': { level: 'warn', meaning: 'Something asked for is not possible here, and what is done instead.' },
  reloaded: {
    level: 'info',
    meaning:
      'Another configuration is in force; `by` (SIGHUP, admin or watchConfig), `tablesVersion`, what is different.',
  },
  'reload-failed': {
    level: 'error',
    meaning: 'A reload changed nothing; `by`, `why` (wrong-config, needs-restart, failed), `problems` or `code`.',
  },
  'service-enabled': {
    level: 'info',
    meaning: 'A service was opened by an operator, or at the time one had set; `service`, `by`, `planned`.',
  },
  'service-disabled': {
    level: 'info',
    meaning: 'An operator closed the listeners of a service; its connections go on; `service`, `by`.',
  },
  'cut-over-planned': {
    level: 'info',
    meaning: 'A service will be opened at a time; `service`, `at`, `by`. Or not any more: `at` is null.',
  },
  'cut-over-failed': {
    level: 'error',
    meaning:
      'The time has come and the service could not be opened; it is tried again every 10 s; `service`, `reason`.',
  },
  'cut-over-unready': {
    level: 'warn',
    meaning: 'A service was opened while items of its checklist were open; `service`, `fail`, `unknown`: the items.',
  },
  'cut-overs-not-read': {
    level: 'error',
    meaning:
      'Which services operators had opened, closed and planned is lost, as the file is damaged; `file`, `reason`, `movedTo`.',
  },
  'cut-overs-not-stored': {
    level: 'error',
    meaning: 'It holds until the next start only; `file`, `reason`.',
  },
  'exposure-open': {
    level: 'warn',
    meaning:
      'A vantage got an answer from an upstream that strangers should not reach; `service`, `vantage`, `host`, `ports`.',
  },
  'exposure-over': {
    level: 'info',
    meaning: 'The same vantage gets no answer any more; the same fields without `ports`.',
  },
  'vantage-silent': {
    level: 'warn',
    meaning: 'A vantage that reported regularly says nothing any more; `service`, `vantage`, `host`, `last`.',
  },
  refused: {
    level: 'info',
    meaning: 'Clients that were refused in the last 10 s; `service`, `reason`, `clients`, `seconds`.',
  },
  'addresses-changed': { level: 'info', meaning: 'A hostname resolves to others now; `hostname`, `added`, `removed`.' },
  'addresses-left-out': { level: 'warn', meaning: 'A service has more upstream addresses than are tried.' },
  'hedging-in-vain': {
    level: 'warn',
    meaning: 'A service has hedgeAfter and one upstream address only: there is no other to dial; `service`.',
  },
  'lookup-failed': {
    level: 'warn',
    meaning: 'A hostname did not resolve; `hostname`, `reason`, and `kept`, the addresses that stay in use.',
  },
  'lookup-recovered': { level: 'info', meaning: 'A hostname resolves again; `hostname`.' },
  'upstream-state-set': {
    level: 'info',
    meaning: 'An operator set an upstream, or it was read at the start; `service`, `upstream`, `from`, `to`, `by`.',
  },
  'last-upstream-taken': {
    level: 'warn',
    meaning: 'An operator took the last usable upstream of a service; `service`, `upstream`.',
  },
  'upstream-states-not-read': {
    level: 'warn',
    meaning: 'What operators had set is lost, as the file is damaged; `file`, `reason`, `movedTo`.',
  },
  'upstream-states-not-stored': {
    level: 'warn',
    meaning: 'What an operator set holds until the next start only; `file`, `reason`.',
  },
  banned: {
    level: 'info',
    meaning:
      'An address or prefix is banned; `prefix`, `until`, `origin` (docs/bans.md), `why`, `by`, `repeated`, and `watched`: it would be, with the rule on.',
  },
  'bans-summed': {
    level: 'info',
    meaning: 'Bans that have no line of their own, as there were more than 10 in 10 s; `bans`, `seconds`.',
  },
  unbanned: {
    level: 'info',
    meaning: 'Bans that ended before their time; `bans`, the first `prefixes`, `by`, `why`.',
  },
  'bans-full': {
    level: 'warn',
    meaning: 'protect.bans.max is reached; bans `displaced` by others, `notTaken`, in `seconds`.',
  },
  'bans-read': { level: 'info', meaning: 'Bans of before hold on over the restart; `bans`, `file`.' },
  'bans-not-read': {
    level: 'warn',
    meaning: 'The bans of before are lost, as the file is damaged; `file`, `reason`, `movedTo`.',
  },
  'bans-from-store': {
    level: 'info',
    meaning: 'There is no file of bans that can be read: those by hand are taken from the copy in the store; `bans`.',
  },
  'bans-not-stored': { level: 'warn', meaning: 'Bans hold until the next start only; `file`, `reason`.' },
  'known-clients-read': { level: 'info', meaning: 'Who was useful before the start is known; `clients`, `file`.' },
  'known-clients-not-read': {
    level: 'warn',
    meaning: 'Nobody is known from before the start, as the file is damaged; `file`, `reason`, `movedTo`.',
  },
  'known-clients-not-stored': {
    level: 'warn',
    meaning: 'Clients are known until the next start only; `file`, `reason`.',
  },
  'admin-exposed': {
    level: 'warn',
    meaning: 'The admin API, which is not encrypted, can be reached from other machines; `address`.',
  },
  'upstream-down': {
    level: 'warn',
    meaning:
      'A check found an upstream down, new clients get others while there are any; `service`, `upstream`, `reason`, `ms`, `goodAttempts`, `badAttempts`, `sinceLastCheckMs`, within which it went.',
  },
  'upstream-up': {
    level: 'info',
    meaning: 'A check found an upstream well again; the same fields, and `downForMs`.',
  },
  'all-upstreams-down': {
    level: 'error',
    meaning:
      'No upstream of a service is left; `service`, `upstreams`, and `whenAllDown`, which says what clients get.',
  },
  'upstreams-back': {
    level: 'info',
    meaning: 'A service has an upstream again; `service`, `upstream`, `downForMs`.',
  },
  'upstream-ejected': {
    level: 'warn',
    meaning: 'Connects to an upstream failed one after the other; `service`, `upstream`, `failures`, `seconds` out.',
  },
  'upstream-returned': {
    level: 'info',
    meaning: 'The time of an ejected upstream is over; `service`, `upstream`, `seconds` it was out.',
  },
  'firewall-active': { level: 'info', meaning: 'Our table is in the kernel and drops packets; `table`.' },
  'firewall-refused': {
    level: 'warn',
    meaning: 'The kernel does not take our table, or no longer; user space refuses alone. `why`.',
  },
  'firewall-without': {
    level: 'warn',
    meaning: 'The kernel has our table without one part of `protect.firewall`; `part`, `why`.',
  },
  'firewall-restored': {
    level: 'warn',
    meaning: 'Somebody else flushed or changed our table, and it was put back; `table`.',
  },
  'firewall-leftover': {
    level: 'warn',
    meaning: 'A table that an earlier start left behind was removed; `table`.',
  },
  'firewall-dropped': {
    level: 'info',
    meaning: 'Packets that the kernel dropped since the last such line, by rule; `packets`.',
  },
  'list-read': {
    level: 'info',
    meaning: 'A list file is in force as it is now; `list`, `file`, `action`, `entries`, `badLines`.',
  },
  'list-bad-lines': {
    level: 'warn',
    meaning:
      'Lines of a list file cannot be read and are left out; `list`, `file`, `badLines`, and the `first` of them.',
  },
  'list-not-read': {
    level: 'warn',
    meaning: 'A list file cannot be read; the `entries` from before stay in force. `list`, `file`, `reason`.',
  },
  'list-entries-ended': {
    level: 'info',
    meaning: 'The time of entries of lists that operators keep is over; how many `entries`.',
  },
  'list-overlap': { level: 'warn', meaning: 'The same network is on an allow and on a deny list; allow wins.' },
  'database-read': {
    level: 'info',
    meaning: 'A database of countries or AS numbers is in force as it is now; `database`, `file`, `type`, `builtAt`.',
  },
  'database-not-read': {
    level: 'warn',
    meaning:
      'A database cannot be read; what was read before, of `builtAt`, stays in force. `database`, `file`, `reason`.',
  },
  'database-old': {
    level: 'warn',
    meaning: 'A database was built more than 90 days ago: networks have moved since; `database`, `file`, `builtAt`.',
  },
  'attack-started': {
    level: 'warn',
    meaning:
      'A service is under attack; `attack` (its number), `service`, `kind` (docs/attacks.md), `newPerSecond`, `sources`, `calm`, `limits`.',
  },
  'attack-ended': {
    level: 'info',
    meaning:
      'It is over; `attack`, `service`, `kinds`, `ended` (why), `seconds`, `newPerSecondMax`, `newcomers`, `admitted`, `refused`, `served`, `topSources`.',
  },
  'attacks-not-read': {
    level: 'warn',
    meaning: 'Records of attacks, or what was calm, are lost, as the file is damaged; `file`, `reason`, `movedTo`.',
  },
  'attacks-not-stored': {
    level: 'warn',
    meaning: 'Records of attacks, or what is calm, could not be written; `file`, `reason`.',
  },
  'store-failing': {
    level: 'warn',
    meaning:
      'The store can not be read or written, and what needs it does without; `file`, `code` (docs/store.md), `reason`. Said once.',
  },
  'store-back': { level: 'info', meaning: 'It can again; `file`, `seconds` since it could not.' },
  'store-damaged': {
    level: 'warn',
    meaning: 'The file of the store was damaged, and is begun anew; `file`, `reason`, `movedTo`.',
  },
  'notify-failing': {
    level: 'warn',
    meaning: 'A channel of `notify` can not be reached, and is tried again; `channel`, `reason`. Said once.',
  },
  'notify-back': { level: 'info', meaning: 'It can again; `channel`.' },
  'notify-lost': {
    level: 'warn',
    meaning: 'A notification is given up; `channel`, `rule`, `title`, `reason`.',
  },
  overload: {
    level: 'warn',
    meaning:
      'The node is nearer to its limits than before; `level` (docs/overload.md), `from`, `rule`, and `why`: the causes and their values.',
  },
  'overload-eased': { level: 'info', meaning: 'A level less, 0 is none; the same fields.' },
  'accept-paused': {
    level: 'warn',
    meaning: 'A worker was out of files or memory and let new clients wait; `worker`, `code`, `ms`, `repeated`.',
  },
  'worker-warning': { level: 'warn', meaning: 'What a worker has to say, such as a socket option the kernel refused.' },
  'log-dropped': {
    level: 'warn',
    meaning: 'The reader of stdout did not keep up; `lines` are missing before this one.',
  },
  'internal-error': {
    level: 'error',
    meaning: 'A defect ended a connection; `worker`, `stack`, `repeated`. Please report it.',
  },
  'worker-stuck': {
    level: 'error',
    meaning: 'A worker did not end in time; `workers` is cut off, or stuck (then the process kills itself).',
  },
  'worker-lost': { level: 'fatal', meaning: 'A worker died; the daemon stops with exit code 1. `worker`, `stack`.' },
  'uncaught-exception': { level: 'fatal', meaning: 'A defect in control; the daemon stops with exit code 1. `stack`.' },
  'upgrade-started': { level: 'info', meaning: 'The next version is started beside this one; `command`.' },
  'upgrade-failed': { level: 'error', meaning: 'The next version did not start, and this one goes on; `why`.' },
  upgraded: { level: 'info', meaning: 'The next version has the listeners, this one drains; `pid`, `version`.' },
  'not-handed-over': {
    level: 'warn',
    meaning: 'The version before ended (`lost`), or said nothing (`silent`), before it had told all its bans; `why`.',
  },
  'service-manager': { level: 'warn', meaning: 'systemd could not be told how we are; `problem`.' },
  draining: { level: 'info', meaning: 'Listeners close; `by` (signal or event), `connections`, `drainTimeoutMs`.' },
  stopped: { level: 'info', meaning: 'The last line; `connectionsReset`, `exitCode`.' },
} as const satisfies Record<string, { readonly level: 'info' | 'warn' | 'error' | 'fatal'; readonly meaning: string }>

export type LogEvent = keyof typeof LOG_EVENTS
