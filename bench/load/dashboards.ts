/**
 * So many open dashboards, as the Overview page of web/ asks: the live stream, statistics and attacks every 5 s, each in
 * its own moment. Says through its message channel when all have their first numbers.
 */
import { get } from 'node:http'

export interface DashboardsLoad {
  readonly port: number
  readonly token: string
  readonly count: number
}

/** What is seen of them until they are stopped. */
export interface DashboardsMessage {
  readonly watching: number
}

/** As web/src/series-window.ts and attack-news.ts have it for the last hour. */
const ASK_EVERY_MS = 5_000
const PATHS = [
  '/api/v1/series?fields=connectionsOpen,connectionsNew,refused,connectFailures,bytesToUpstream,bytesToClient&from=20s&step=10s',
  '/api/v1/attacks?limit=100',
]

const load = JSON.parse(process.argv[2]) as DashboardsLoad
const headers = { authorization: `Bearer ${load.token}`, 'accept-encoding': 'identity' }
let watching = 0

for (let i = 0; i < load.count; i++) watch()

function watch(): void {
  const request = get(
    { host: '127.0.0.1', port: load.port, path: '/api/v1/live', headers, agent: false },
    (response) => {
      if (response.statusCode !== 200) fail(`the live stream answered ${response.statusCode}`)
      response.once('data', () => {
        watching++
        if (watching === load.count) process.send?.({ watching } satisfies DashboardsMessage)
      })
      response.resume().once('end', () => fail('the live stream ended'))
    },
  )
  request.on('error', (error) => fail(error.message))
  // Nobody opens all of them at the same moment.
  setTimeout(() => setInterval(() => PATHS.forEach(ask), ASK_EVERY_MS), Math.random() * ASK_EVERY_MS)
}

function ask(path: string): void {
  get({ host: '127.0.0.1', port: load.port, path, headers }, (response) => {
    if (response.statusCode !== 200) fail(`${path} answered ${response.statusCode}`)
    response.resume()
  }).on('error', (error) => fail(error.message))
}

function fail(what: string): never {
  console.error(what)
  process.exit(1)
}
