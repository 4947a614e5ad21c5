/** The configuration file: read, changed as text or by path, its history and the way back. */
import { z } from 'zod'
import type { ConfigChanges } from '../../control/config-change/config-changes.ts'
import { editsChange, textChange } from '../../control/config-change/config-changes.ts'
import { editorJsonSchema } from '../../control/config/json-schema.ts'
import {
  CONFIG_DRY_RUN_PATH,
  CONFIG_EDITS_PATH,
  CONFIG_HISTORY_LISTED_MAX,
  CONFIG_HISTORY_PATH,
  CONFIG_PATH,
  CONFIG_ROLLBACK_PATH,
  CONFIG_SCHEMA_PATH,
  CONFIG_VERSION_PATH,
  ConfigAnswer,
  ConfigEdits,
  ConfigHistoryAnswer,
  ConfigProposal,
  ConfigPut,
  ConfigRollback,
  ConfigVersionAnswer,
  type ConfigVersionView,
  Problem,
} from '../contract.ts'
import { ApiProblem } from '../problem.ts'
import type { App, Room } from '../room.ts'
import { changesOf, CHANGE_ANSWERS, sendChange, withConfigProblems } from './config-answer.ts'
import { countText } from './query.ts'

export type ConfigActions = Pick<ConfigChanges, 'read' | 'dryRun' | 'apply' | 'history' | 'version'>

/** The largest file, written as JSON: most characters as they are, some with a backslash. */
const BODY_BYTES_MAX = 3 * 2 ** 20
const LISTED_DEFAULT = 50
const ID_MAX = 999_999_999
/** Of RFC 9110: in quotes, and not a weak one. */
const IF_MATCH = /^"([0-9a-f]{64})"$/

export function configRoutes(app: App, room: Room): void {
  readRoutes(app, room)
  textRoutes(app, room)
  editRoutes(app, room)
  historyRoutes(app, room)
}

function readRoutes(app: App, { actions }: Room): void {
  app.get(
    CONFIG_PATH,
    {
      // The file may hold secrets.
      config: { role: 'admin' },
      schema: {
        operationId: 'config',
        summary: 'The configuration file as it is, with its version.',
        tags: ['config'],
        response: { 200: ConfigAnswer, '4xx': Problem },
      },
    },
    async (_, reply) => {
      const { readOnly = null, ...answer } = await withConfigProblems(() => changesOf(actions.config).read())
      return reply.header('etag', `"${answer.version}"`).send({ ...answer, readOnly })
    },
  )
  app.get(
    CONFIG_SCHEMA_PATH,
    {
      config: { role: 'viewer' },
      schema: {
        operationId: 'configSchema',
        summary: 'The JSON Schema of the configuration file, for editors.',
        tags: ['config'],
        response: { 200: z.record(z.string(), z.unknown()), '4xx': Problem },
      },
    },
    () => editorJsonSchema(),
  )
}

function textRoutes(app: App, { actions }: Room): void {
  app.post(
    CONFIG_DRY_RUN_PATH,
    {
      config: { role: 'admin', audit: false },
      bodyLimit: BODY_BYTES_MAX,
      schema: {
        operationId: 'configDryRun',
        summary: 'What another text of the configuration file would change, or what is wrong with it.',
        tags: ['config'],
        body: ConfigProposal,
        response: CHANGE_ANSWERS,
      },
    },
    async (request, reply) => {
      const { text, version } = request.body
      return sendChange(request, reply, actions.config, textChange(text, version), { dryRun: true })
    },
  )
  app.put(
    CONFIG_PATH,
    {
      config: { role: 'admin', audit: 'config.change' },
      bodyLimit: BODY_BYTES_MAX,
      schema: {
        operationId: 'changeConfig',
        summary: 'Puts another text in the configuration file and takes it over.',
        tags: ['config'],
        body: ConfigPut,
        response: CHANGE_ANSWERS,
      },
    },
    async (request, reply) => {
      const { text, why } = request.body
      const version = request.body.version ?? IF_MATCH.exec(request.headers['if-match'] ?? '')?.[1]
      if (version === undefined) {
        throw new ApiProblem(
          'E_REQUEST',
          'Say the version that the text was made of: "version", or If-Match: "VERSION".',
        )
      }
      return sendChange(request, reply, actions.config, textChange(text, version), { why })
    },
  )
}

function editRoutes(app: App, { actions }: Room): void {
  app.post(
    CONFIG_EDITS_PATH,
    {
      config: { role: 'admin', audit: 'config.edit' },
      bodyLimit: BODY_BYTES_MAX,
      schema: {
        operationId: 'editConfig',
        summary: 'Changes keys of the configuration file by their paths; all else in it stays as written.',
        tags: ['config'],
        body: ConfigEdits,
        response: CHANGE_ANSWERS,
      },
    },
    async (request, reply) => {
      const { edits, version, ...asked } = request.body
      const change = editsChange(() => edits, version)
      return sendChange(request, reply, actions.config, change, asked)
    },
  )
}

function historyRoutes(app: App, { actions }: Room): void {
  app.get(
    CONFIG_HISTORY_PATH,
    {
      config: { role: 'admin' },
      schema: {
        operationId: 'configHistory',
        summary: 'What the configuration file was, the newest first.',
        tags: ['config'],
        querystring: z.strictObject({
          limit: countText(CONFIG_HISTORY_LISTED_MAX).optional(),
          before: countText(ID_MAX).optional(),
        }),
        response: { 200: ConfigHistoryAnswer, '4xx': Problem },
      },
    },
    async ({ query: { limit = LISTED_DEFAULT, before } }) => {
      const versions = await withConfigProblems(() => changesOf(actions.config).history(limit, before))
      return { versions: versions.map(viewOf) }
    },
  )
  app.get(
    CONFIG_VERSION_PATH,
    {
      config: { role: 'admin' },
      schema: {
        operationId: 'configVersion',
        summary: 'One of the texts that the configuration file was, and what a rollback to it would change.',
        tags: ['config'],
        params: z.object({ id: countText(ID_MAX) }),
        response: { 200: ConfigVersionAnswer, '4xx': Problem },
      },
    },
    async ({ params: { id } }) => {
      const { text, unified, ...version } = await findVersion(actions.config, id)
      return { ...viewOf(version), text, unified }
    },
  )
  app.post(
    CONFIG_ROLLBACK_PATH,
    {
      config: { role: 'admin', audit: 'config.rollback' },
      schema: {
        operationId: 'rollbackConfig',
        summary: 'Puts one of the texts of the history in the configuration file and takes it over.',
        tags: ['config'],
        body: ConfigRollback,
        response: CHANGE_ANSWERS,
      },
    },
    async (request, reply) => {
      const { id, version, why, dryRun } = request.body
      const { text } = await findVersion(actions.config, id)
      const said = why === undefined || why === '' ? `back to ${id}` : `back to ${id}: ${why}`
      return sendChange(request, reply, actions.config, textChange(text, version), { dryRun, why: said })
    },
  )
}

async function findVersion(config: ConfigActions | undefined, id: number) {
  const found = await withConfigProblems(() => changesOf(config).version(id))
  if (found !== undefined) return found
  const where = `\`tidegate config history\` and GET ${CONFIG_HISTORY_PATH} tell what it has.`
  throw new ApiProblem('E_NOT_FOUND', `The history has no ${id}; ${where}`)
}

function viewOf(version: Awaited<ReturnType<ConfigActions['history']>>[number]): ConfigVersionView {
  const { id, atMs, who, why, sha256, bytes } = version
  return { id, at: new Date(atMs).toISOString(), who, why, version: sha256, bytes }
}
