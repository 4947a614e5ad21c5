/** A service that is not enabled has no listeners: its port is closed, as if nothing were configured there. */
import type { Tables } from '../../traffic/tables.ts'

export function closeServices(tables: Tables, closed: ReadonlySet<string>): Tables {
  if (closed.size === 0) return tables
  const services = tables.services.map((service) =>
    closed.has(service.name) ? { ...service, listeners: [] } : service,
  )
  return { ...tables, services }
}
