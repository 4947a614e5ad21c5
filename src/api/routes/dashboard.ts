/** The dashboard's own files, for everybody: what it shows needs credentials. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { readDashboard, type DashboardFiles } from '../dashboard-files.ts'
import { ApiProblem } from '../problem.ts'
import type { App } from '../room.ts'

const YEAR_S = 365 * 86_400

export function dashboardRoutes(app: App): void {
  let files: Promise<DashboardFiles> | undefined
  const send = async (path: string, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const all = await (files ??= readDashboard().catch((error: unknown) => {
      // Too many open files, say: the next request reads again.
      files = undefined
      throw error
    }))
    const file = all.get(path)
    if (file === undefined && path === 'index.html') {
      throw new ApiProblem('E_NOT_FOUND', 'There is no dashboard in this installation: npm run build makes it.')
    }
    if (file === undefined) throw new ApiProblem('E_NOT_FOUND', 'The dashboard has no such file. Load the page again.')
    const isGzip = file.gzip !== undefined && /\bgzip\b/.test(String(request.headers['accept-encoding']))
    return reply
      .headers({
        'content-type': file.contentType,
        'cache-control': file.isForever ? `public, max-age=${YEAR_S}, immutable` : 'no-cache',
        vary: 'accept-encoding',
        ...(isGzip ? { 'content-encoding': 'gzip' } : {}),
      })
      .send(isGzip ? file.gzip : file.bytes)
  }
  const schema = (summary: string) => ({ hide: true, summary })
  app.get('/', { config: { role: 'open' }, schema: schema('The dashboard.') }, (request, reply) =>
    send('index.html', request, reply),
  )
  app.get('/icon.svg', { config: { role: 'open' }, schema: schema('Its icon.') }, (request, reply) =>
    send('icon.svg', request, reply),
  )
  app.get<{ Params: { file: string } }>(
    '/assets/:file',
    { config: { role: 'open' }, schema: schema('Its scripts and styles.') },
    (request, reply) => send(`assets/${request.params.file}`, request, reply),
  )
}
