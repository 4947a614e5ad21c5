/** The shape of tidegate.yaml: every key, its type, default and meaning. The JSON Schema and docs/config.md are held to it. */
import { z } from 'zod'
import { BALANCE_METHOD_NAMES, CANDIDATES_MAX } from '../../traffic/tables.ts'
import { activeCheckSchema, upstreamCheckSchema } from './active-check-schema.ts'
import { LATER_MODES } from './later-words.ts'
import { boolean, choice, count, countOr, duration, leaf, name } from './leaf.ts'
import { outlierSchema } from './outlier-schema.ts'
import {
  readAdminHost,
  readAdminListen,
  readListenAddress,
  readNetwork,
  readSourceAddress,
  readUpstreamAddress,
} from './read-address.ts'
import { affinitySchema } from './affinity-schema.ts'
import { notifySchema } from './notify-schema.ts'
import { protectNodeSchema } from './protect-node-schema.ts'
import { protectSchema } from './protect-schema.ts'
import { readFile, readFolder } from './read-folder.ts'
import { socketSchema } from './socket-schema.ts'

/** A worker's index has two hex digits in a connection's id. */
export const WORKERS_MAX = 256
/** Each needs counters in every worker's shared memory. */
export const SERVICES_MAX = 1000
/** As in HAProxy and nginx's common use; enough for shares of a thousandth. */
export const WEIGHT_MAX = 1000
/** Each is one open socket in every worker. */
export const LISTENERS_PER_SERVICE_MAX = 64
export const SOURCE_ADDRESSES_MAX = 256
/** Each accepted connection is compared with them one by one. */
export const PROXY_NETWORKS_MAX = 256
/** Each request is compared with them one by one. */
export const ADMIN_HOSTS_MAX = 64
/** More than a machine has file descriptors for: Linux's fs.nr_open is 1,048,576 unless raised. */
export const CONNECTIONS_MAX = 10_000_000
/** Each has 40 bytes of memory from the start. */
export const QUEUE_MAX = 100_000

const upstream = z
  .preprocess(
    (input) => (typeof input === 'string' ? { address: input } : input),
    z.strictObject({
      address: leaf(readUpstreamAddress, {
        type: 'string',
        description: '`IP:PORT`, `[IPv6]:PORT` or `HOSTNAME:PORT`.',
      }),
      name: name('What logs and metrics call the upstream; its address when absent.').optional(),
      weight: count(0, WEIGHT_MAX, 'Its part beside the others. 0 takes no new clients.').prefault('1'),
      backup: boolean('Used only while no other upstream can be.').prefault('false'),
      maxConnections: countOr(
        'off',
        1,
        CONNECTIONS_MAX,
        'Connections at once, over all workers, those being connected included.',
      ).prefault('off'),
      check: upstreamCheckSchema.optional().meta({ description: 'What differs in the check of this upstream.' }),
    }),
  )
  .meta({ shortForm: { type: 'string', description: '`IP:PORT`, `[IPv6]:PORT` or `HOSTNAME:PORT`.' } })

const service = z.strictObject({
  name: name('What logs, metrics and commands call the service.'),
  listen: z
    .array(leaf(readListenAddress, { type: 'string', description: '`IP:PORT`, `[IPv6]:PORT` or `*:PORT`.' }))
    .min(1)
    .max(LISTENERS_PER_SERVICE_MAX)
    .meta({
      description:
        'Where clients connect: `IP:PORT`, `[IPv6]:PORT` (IPv6 only), `*:PORT` (IPv4 and IPv6 on one listener). Port 0 is any free port.',
    }),
  enabled: boolean(
    'Whether the service is open. `false` keeps its listeners closed until an operator enables it, now or at a set time.',
  ).prefault(true),
  mode: choice(
    ['raw', 'proxy-v1', 'proxy-v2'],
    "What an upstream gets: the bytes alone, or a PROXY protocol header with the client's address before them.",
    LATER_MODES,
  ).prefault('raw'),
  upstreams: z.array(upstream).min(1).max(CANDIDATES_MAX).meta({ description: 'The servers to connect to, in order.' }),
  balance: choice(BALANCE_METHOD_NAMES, 'How an upstream is picked among those that can be used.').prefault('ordered'),
  slowStart: duration(
    { zero: true },
    'Time over which an upstream that came back gets its whole share again; not with `ordered` and `source-hash`.',
  ).prefault('0s'),
  affinity: affinitySchema,
  maxConnections: countOr(
    'off',
    1,
    CONNECTIONS_MAX,
    'Clients of this service at once; further ones wait in its `queue`, or are refused.',
  ).prefault('off'),
  whenAllDown: choice(
    ['try-all', 'refuse'],
    'When checks and failures leave no upstream: try those that are down, or refuse.',
  ).prefault('try-all'),
  onDown: choice(
    ['keep', 'close'],
    'What becomes of the connections of an upstream that goes down: they stay, or are reset.',
  ).prefault('keep'),
  queue: z
    .strictObject({
      max: count(0, QUEUE_MAX, 'Clients that wait at most, over all workers. 0: nobody waits.').prefault('0'),
      timeout: duration({}, 'How long a client waits before it is turned away.').prefault('5s'),
      perClient: count(1, QUEUE_MAX, 'Places in the queue that one address, or one IPv6 /64, may take.').prefault('10'),
    })
    .prefault({})
    .meta({ description: 'Who may wait while maxConnections of the service or of all upstreams are taken.' }),
  outlier: outlierSchema
    .prefault({})
    .meta({ description: 'When an upstream is taken out because connects to it fail, and for how long.' }),
  onFailure: choice(
    ['reset', 'close'],
    'What the client sees when no upstream could be connected to: a reset, or an ordinary close.',
  ).prefault('reset'),
  connectTimeout: duration(
    {},
    'How long one upstream address may take to accept a connection before the next is tried.',
  ).prefault('5s'),
  hedgeAfter: duration(
    { off: true },
    'Time without an answer after which the next upstream is dialled beside the first; who answers first is taken.',
  ).prefault('off'),
  idleTimeout: duration(
    { off: true },
    'Time without a byte in either direction after which a connection is closed.',
  ).prefault('1h'),
  halfClosedTimeout: duration(
    {},
    'Time without a byte after which a connection is closed that one side has already finished.',
  ).prefault('1m'),
  maxLifetime: duration({ off: true }, 'The longest that a connection may last, idle or not.').prefault('off'),
  retryFailedAfter: duration(
    { zero: true },
    'How long an address that failed to connect is tried last. `0s` remembers nothing.',
  ).prefault('10s'),
  sourceAddresses: z
    .array(leaf(readSourceAddress, { type: 'string', description: 'An IP address of this machine.' }))
    .max(SOURCE_ADDRESSES_MAX)
    .prefault([])
    .meta({
      description: 'Local addresses to connect to upstreams from, in turn. Empty leaves the choice to the kernel.',
    }),
  proxyHeader: z
    .strictObject({
      crc32c: boolean('Add a checksum over the header (PP2_TYPE_CRC32C).').prefault(true),
      uniqueId: boolean("Add the connection's id in our log (PP2_TYPE_UNIQUE_ID).").prefault(true),
      tlsHello: boolean(
        'Add server name and ALPN (PP2_TYPE_AUTHORITY, PP2_TYPE_ALPN) of a TLS client that has spoken already.',
      ).prefault(true),
    })
    .prefault({})
    .meta({ description: 'What a version 2 header carries besides the addresses; mode `proxy-v2` only.' }),
  acceptProxyFrom: z
    .array(leaf(readNetwork, { type: 'string', description: 'A network such as `192.0.2.0/24`, or one address.' }))
    .max(PROXY_NETWORKS_MAX)
    .prefault([])
    .meta({
      description:
        'Networks of proxies in front: from them a PROXY header is required and its client address believed; from all others it is never looked for.',
    }),
  socket: socketSchema
    .prefault({})
    .meta({ description: "Socket options for both sides; `auto` leaves the kernel's default." }),
  protect: protectSchema.prefault({}).meta({ description: 'Who is let in, and what becomes of the others.' }),
  check: activeCheckSchema
    .optional()
    .meta({ description: 'Active checks of every upstream. Without the key there are none.' }),
})
export type ParsedService = z.output<typeof service>

const admin = z.strictObject({
  listen: leaf(readAdminListen, {
    type: 'string',
    description: 'Where `/metrics`, `/healthz` and `/readyz` answer: `IP:PORT`, or `off`. Port 0 is any free port.',
  }).prefault('127.0.0.1:9900'),
  hosts: z
    .array(leaf(readAdminHost, { type: 'string', description: 'A hostname, without a port.' }))
    .max(ADMIN_HOSTS_MAX)
    .prefault([])
    .meta({
      description:
        'Names by which the admin endpoint may be asked, beside IP addresses, `localhost` and the name of the machine. Names whose DNS is yours.',
    }),
  stateDir: leaf(readFolder, {
    type: 'string',
    description:
      "Folder for what is kept over a restart: what an operator sets, bans, attacks, known clients; relative to this file's folder. Made when it is needed.",
  }).prefault('./.tidegate'),
  watchConfig: boolean('Reload when the configuration file changes, as SIGHUP and `tidegate reload` do.').prefault(
    false,
  ),
  tls: z
    .strictObject({
      certificate: leaf(readFile, {
        type: 'string',
        description: 'A file with a certificate, and those that lead to its authority, as PEM.',
      }),
      key: leaf(readFile, { type: 'string', description: 'A file with its private key, as PEM.' }),
    })
    .optional()
    .meta({ description: 'A certificate of yours. Without one we make ours where other machines reach `listen`.' }),
  plainHttp: boolean(
    'Not encrypted even where other machines reach `listen`: whoever is on the way reads all.',
  ).prefault(false),
})

const traffic = z.strictObject({
  workers: countOr('auto', 1, WORKERS_MAX, 'Threads that carry traffic. `auto` is one for each core.').prefault('auto'),
  engine: choice(
    ['auto', 'linux', 'node'],
    'What moves the bytes. `auto` is `linux` where it can run, else `node`.',
  ).prefault('auto'),
  ioUring: choice(
    ['auto', 'off'],
    'Whether the `linux` engine reads and sends for many connections in one system call. `auto`: where the kernel lets it.',
  ).prefault('auto'),
  maxConnections: countOr(
    'auto',
    1,
    CONNECTIONS_MAX,
    'Clients connected at once, over all services. `auto` goes by the file limit.',
  ).prefault('auto'),
  drainTimeout: duration(
    { zero: true },
    'How long connections may finish after SIGTERM before they are reset.',
  ).prefault('30s'),
  upgradeDrainTimeout: duration(
    { off: true },
    'How long connections may finish in the old process after an upgrade before they are reset.',
  ).prefault('off'),
})

const log = z.strictObject({
  level: choice(['debug', 'info', 'warn', 'error'], 'The least serious messages to write.').prefault('info'),
  format: choice(['json', 'text'], 'One JSON object a line, or text for people.').prefault('json'),
  connections: choice(['all', 'refused', 'none'], 'Which connections get a line when they end.').prefault('all'),
})

export const configSchema = z.strictObject({
  admin: admin.prefault({}).meta({ description: 'The endpoint for operators.' }),
  traffic: traffic.prefault({}).meta({ description: 'How traffic is carried, for all services.' }),
  log: log.prefault({}).meta({ description: 'What is written to standard output.' }),
  protect: protectNodeSchema.prefault({}).meta({ description: 'Who is let in, for all services.' }),
  notify: notifySchema.prefault({}).meta({ description: 'Who is told of what, by webhook, e-mail or chat.' }),
  services: z.array(service).min(1).max(SERVICES_MAX).meta({ description: 'The protected services.' }),
})
export type ParsedConfig = z.output<typeof configSchema>
