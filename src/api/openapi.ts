/**
 * The OpenAPI document, made of the schemas of the routes when it is first asked for: a daemon that nobody asks does
 * not load what makes it.
 */
import type { App } from './room.ts'

export type OpenApiDocument = Readonly<Record<string, unknown>>

/** `makeRoutes` puts all routes on an app that never listens. */
export async function makeOpenApi(app: App, version: string, makeRoutes: (app: App) => void): Promise<OpenApiDocument> {
  const [{ default: swagger }, { jsonSchemaTransform, jsonSchemaTransformObject }] = await Promise.all([
    import('@fastify/swagger'),
    import('fastify-type-provider-zod'),
  ])
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Tidegate', version, description: 'The admin API of one node.' },
      components: {
        securitySchemes: {
          token: { type: 'http', scheme: 'bearer' },
          session: { type: 'apiKey', in: 'cookie', name: '__Host-tidegate' },
        },
      },
      security: [{ token: [] }, { session: [] }],
    },
    transform: (route) => {
      const { role, isForService = false, isForAnyService = false } = route.route.config ?? {}
      const described = jsonSchemaTransform(route)
      // Who may, for those who write programs, and for the test that tries them all.
      const security = role === 'open' ? { security: [] } : {}
      const own = { 'x-role': role, 'x-for-service': isForService || isForAnyService, ...security }
      return { ...described, schema: { ...described.schema, ...own } }
    },
    // Schemas with an id, as one that is made of itself has to have.
    transformObject: jsonSchemaTransformObject,
  })
  makeRoutes(app)
  await app.ready()
  return app.swagger() as unknown as OpenApiDocument
}
