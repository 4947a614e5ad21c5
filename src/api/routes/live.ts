/** GET LIVE_PATH: the node's numbers once a second, as server-sent events. */
import { z } from 'zod'
import { LIVE_PATH, Problem } from '../contract.ts'
import { identify } from '../identify.ts'
import { LiveFeed } from '../live-feed.ts'
import { ApiProblem } from '../problem.ts'
import type { App, Room } from '../room.ts'
import { nodeStatus } from '../status.ts'

/** Of the connections to the admin address half are for those who ask once: pages left open must not keep an admin out. */
const WATCHERS_SHARE = 2
const RETRY_AFTER_MS = 30_000

export function liveRoutes(app: App, { node, access }: Room): void {
  const feed = new LiveFeed(() => JSON.stringify(nodeStatus(node)))
  app.get(
    LIVE_PATH,
    {
      config: { role: 'viewer' },
      schema: {
        operationId: 'live',
        summary: 'The node in numbers once a second, as server-sent events of type status.',
        tags: ['node'],
        response: { 200: z.string(), '4xx': Problem },
      },
    },
    async (request, reply) => {
      if (feed.watchers >= node.limits.adminConnectionsMax / WATCHERS_SHARE) {
        const detail = `${feed.watchers} watch already, and others need a connection, too. Close some, or ask for status once.`
        throw new ApiProblem('E_TOO_MANY', detail, { retryAfterMs: RETRY_AFTER_MS })
      }
      reply.hijack()
      const { raw } = reply
      raw.writeHead(200, {
        'content-type': 'text/event-stream',
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
        // For reverse proxies that hold answers back.
        'x-accel-buffering': 'no',
      })
      feed.add(raw, async () => (await identify(request, access, true)) !== undefined)
    },
  )
}
