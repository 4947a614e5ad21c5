/** Whether the node lives and serves, its numbers, its shield: for monitors and `tidegate status`. */
import { z } from 'zod'
import { ADMIN_PATHS, NodeStatus, Problem, ShieldStatus } from '../contract.ts'
import { ApiProblem } from '../problem.ts'
import type { App, Room } from '../room.ts'
import { shieldStatus } from '../shield.ts'
import { nodeStatus } from '../status.ts'

const TEXT = 'text/plain; charset=utf-8'
const tags = ['node']

export function nodeRoutes(app: App, room: Room): void {
  addHealth(app, room)
  addMetrics(app, room)
  addStatus(app, room)
}

function addHealth(app: App, { node }: Room): void {
  app.get(
    ADMIN_PATHS.health,
    {
      config: { role: 'open' },
      schema: { operationId: 'health', summary: 'Alive: control answers.', tags, response: { 200: z.string() } },
    },
    // Whether clients are served is the next one's question.
    async (_, reply) => reply.type(TEXT).send('ok\n'),
  )
  app.get(
    ADMIN_PATHS.ready,
    {
      config: { role: 'open' },
      schema: {
        operationId: 'ready',
        summary: 'All listeners are open, and nothing drains.',
        tags,
        response: { 200: z.string(), 503: Problem },
      },
    },
    async (_, reply) => {
      const state = node.state()
      if (state === 'ready') return reply.type(TEXT).send('ready\n')
      const why = state === 'starting' ? 'Not all listeners are open yet.' : 'The node is draining.'
      throw new ApiProblem('E_NOT_READY', why)
    },
  )
}

function addMetrics(app: App, { metrics }: Room): void {
  app.get(
    ADMIN_PATHS.metrics,
    {
      config: { role: 'open-on-loopback' },
      schema: {
        operationId: 'metrics',
        summary: 'Metrics as Prometheus text.',
        tags,
        response: { 200: z.string(), '4xx': Problem },
      },
    },
    async (_, reply) => reply.type(metrics.contentType).send(await metrics.text()),
  )
}

function addStatus(app: App, { node }: Room): void {
  app.get(
    ADMIN_PATHS.status,
    {
      config: { role: 'viewer' },
      schema: {
        operationId: 'status',
        summary: 'The node in numbers: services, upstreams, workers.',
        tags,
        response: { 200: NodeStatus, '4xx': Problem },
      },
    },
    () => nodeStatus(node),
  )
  app.get(
    ADMIN_PATHS.shield,
    {
      config: { role: 'viewer' },
      schema: {
        operationId: 'shield',
        summary: 'What the kernel refuses for us, and how near the node is to its limits.',
        tags,
        response: { 200: ShieldStatus, '4xx': Problem },
      },
    },
    () => shieldStatus(node),
  )
}
