/** GET LIVE_PATH: the node's numbers once a second, as server-sent events. */
import { z } from 'zod'
import { LIVE_PATH, Problem } from '../contract.ts'
import { identify } from '../identify.ts'
import { LiveFeed } from '../live-feed.ts'
import type { App, Room } from '../room.ts'
import { nodeStatus } from '../status.ts'

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
