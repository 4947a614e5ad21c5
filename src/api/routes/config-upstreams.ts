/** Upstreams added to a service, changed and removed, in the configuration file; all else in it stays as written. */
import { z } from 'zod'
import { editsChange } from '../../control/config-change/config-changes.ts'
import { addUpstream, patchUpstream, removeUpstream } from '../../control/config-change/upstream-edits.ts'
import { UPSTREAM_STATE_PATH, UpstreamAddition, UpstreamPatch, UpstreamRemoval, UPSTREAMS_PATH } from '../contract.ts'
import type { App, Room } from '../room.ts'
import { CHANGE_ANSWERS, sendChange } from './config-answer.ts'

export function configUpstreamRoutes(app: App, room: Room): void {
  addRoute(app, room)
  changeRoutes(app, room)
}

const { env } = process

function addRoute(app: App, { actions }: Room): void {
  app.post(
    UPSTREAMS_PATH,
    {
      config: { role: 'admin', audit: 'config.upstream.add' },
      schema: {
        operationId: 'addUpstream',
        summary: 'Adds an upstream to a service, in the configuration file and live.',
        tags: ['config', 'services'],
        params: z.object({ service: z.string() }),
        body: UpstreamAddition,
        response: CHANGE_ANSWERS,
      },
    },
    async (request, reply) => {
      const { service } = request.params
      const { version, why, dryRun, position, ...upstream } = request.body
      const change = editsChange((text) => addUpstream(text, env, service, upstream, position), version)
      return sendChange(request, reply, actions.config, change, { why: why ?? `added ${upstream.address}`, dryRun })
    },
  )
}

function changeRoutes(app: App, { actions }: Room): void {
  app.patch(
    UPSTREAM_STATE_PATH,
    {
      config: { role: 'admin', audit: 'config.upstream.change' },
      schema: {
        operationId: 'changeUpstream',
        summary: 'Changes weight, limit or place of an upstream, in the configuration file and live.',
        tags: ['config', 'services'],
        params: z.object({ service: z.string(), upstream: z.string() }),
        body: UpstreamPatch,
        response: CHANGE_ANSWERS,
      },
    },
    async (request, reply) => {
      const { service, upstream } = request.params
      const { version, why, dryRun, ...values } = request.body
      const change = editsChange((text) => patchUpstream(text, env, service, upstream, values), version)
      return sendChange(request, reply, actions.config, change, { why: why ?? `changed ${upstream}`, dryRun })
    },
  )
  app.delete(
    UPSTREAM_STATE_PATH,
    {
      config: { role: 'admin', audit: 'config.upstream.remove' },
      schema: {
        operationId: 'removeUpstream',
        summary: 'Removes an upstream from a service, in the configuration file and live.',
        tags: ['config', 'services'],
        params: z.object({ service: z.string(), upstream: z.string() }),
        body: UpstreamRemoval,
        response: CHANGE_ANSWERS,
      },
    },
    async (request, reply) => {
      const { service, upstream } = request.params
      const { version, why, dryRun } = request.body ?? {}
      const change = editsChange((text) => removeUpstream(text, env, service, upstream), version)
      return sendChange(request, reply, actions.config, change, { why: why ?? `removed ${upstream}`, dryRun })
    },
  )
}
