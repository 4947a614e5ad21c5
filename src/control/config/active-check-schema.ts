/** The keys of `services[].check` and `services[].upstreams[].check`. */
import { z } from 'zod'
import { boolean, choice, count, duration, leaf } from './leaf.ts'
import { readCheckUrl, readServerName } from './read-check-url.ts'
import { readExpectedBody, readHeaderValue, readPercent, readStatusRange } from './read-check-values.ts'
import { read } from './reading.ts'

/** More would be no check but a load. */
export const ATTEMPTS_MAX = 100
export const STATUS_RANGES_MAX = 100
export const CHECK_HEADERS_MAX = 100

const url = leaf(readCheckUrl, {
  type: 'string',
  description:
    'What is asked: a path, of the upstream by HTTP; or a URL, in which `{address}` is IP and port of the upstream, `{host}` its IP.',
})

const attempts = z.strictObject({
  successes: count(1, ATTEMPTS_MAX, 'Good attempts that end a check with: up.').prefault('1'),
  failures: count(1, ATTEMPTS_MAX, 'Bad attempts that end a check with: down.').prefault('1'),
  delay: duration({ zero: true }, 'Time between two attempts of one check. `0s`: at once.').prefault('0s'),
})

const tls = z.strictObject({
  verify: boolean(
    'Whether the certificate must be valid now, for this name, and signed by a known authority.',
  ).prefault(true),
  ca: leaf((text) => read(text), {
    type: 'string',
    description: 'A file with the certificates (PEM) of the authorities to trust, instead of the public ones.',
  }).optional(),
  serverName: leaf(readServerName, {
    type: 'string',
    description: "The name to ask for (SNI) and to verify. The URL's host when absent, or the upstream's.",
  }).optional(),
})

export const activeCheckSchema = z.strictObject({
  type: choice(['http', 'tcp'], 'What an attempt is: an HTTP or HTTPS request, or only a connect.').prefault('http'),
  url: url.prefault('/'),
  method: choice(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'], 'The HTTP method.').prefault('GET'),
  headers: z
    .record(z.string(), leaf(readHeaderValue, { type: 'string', description: 'The value of the header.' }))
    .prefault({})
    .meta({ description: 'HTTP headers to send, `Host` included: a mapping of names to values.' }),
  body: leaf((text) => read(text), { type: 'string', description: 'The body of the request.' }).optional(),
  timeout: duration({}, 'How long one attempt may take, from connecting to the end of what is needed.').prefault('5s'),
  expectStatus: z
    .array(
      leaf(readStatusRange, {
        type: ['string', 'integer'],
        pattern: '^[1-5][0-9][0-9](-[1-5][0-9][0-9])?$',
        minimum: 100,
        maximum: 599,
        description: 'A status, or a range of them.',
      }),
    )
    .min(1)
    .max(STATUS_RANGES_MAX)
    .prefault(['100-499'])
    .meta({ description: 'Statuses that are good: codes and ranges.' }),
  expectBody: leaf(readExpectedBody, {
    type: 'string',
    description: 'Text that must be in the first 64 KiB of the body, or `/expression/` that must match there.',
  }).optional(),
  tls: tls.prefault({}).meta({ description: 'How the certificate of an HTTPS URL is verified.' }),
  sendProxy: choice(
    ['off', 'v1', 'v2'],
    "A PROXY protocol header before everything else: `v2` says LOCAL, `v1` the connection's own addresses.",
  ).prefault('off'),
  attempts: attempts.prefault({}).meta({ description: 'How many attempts decide one check.' }),
  interval: duration({ minMs: 10 }, 'Time from the start of one check to the start of the next.').prefault('15s'),
  jitter: leaf(readPercent, {
    type: 'string',
    pattern: '^[0-9]{1,2}%$',
    description: 'Each interval is longer or shorter by up to this part of it, at random.',
  }).prefault('10%'),
})
export type ParsedActiveCheck = z.output<typeof activeCheckSchema>

/** What differs for one upstream. */
export const upstreamCheckSchema = z.strictObject({
  url: url.optional(),
})
