/** Changes of a service's upstreams, in the configuration file and live. Each tells what it did, or throws why it did not. */
import type { ConfigChangeAnswer, UpstreamAddition, UpstreamPatch } from '../../src/api/contract.ts'
import { ApiError, ask } from './api.ts'

type Addition = Pick<UpstreamAddition, 'address' | 'name' | 'weight' | 'backup'>
type Patch = Pick<UpstreamPatch, 'weight' | 'position'>

export function addUpstream(service: string, addition: Addition): Promise<string> {
  return change('POST', pathOf(service), addition)
}

export function changeUpstream(service: string, upstream: string, patch: Patch): Promise<string> {
  return change('PATCH', pathOf(service, upstream), patch)
}

export function removeUpstream(service: string, upstream: string): Promise<string> {
  return change('DELETE', pathOf(service, upstream))
}

function pathOf(service: string, upstream?: string): string {
  const upstreams = `/api/v1/services/${encodeURIComponent(service)}/upstreams`
  return upstream === undefined ? upstreams : `${upstreams}/${encodeURIComponent(upstream)}`
}

async function change(method: string, path: string, body?: Addition | Patch): Promise<string> {
  try {
    return (await ask<ConfigChangeAnswer>(method, path, body)).text
  } catch (error) {
    const { text } = ((error instanceof ApiError && error.body) || {}) as Partial<ConfigChangeAnswer>
    // What the daemon made of it says more than the status.
    throw text === undefined ? error : new Error(text, { cause: error })
  }
}
