import type { Peer } from './peer.ts'

/** No proxy: what the load generator and the origin reach by themselves. */
export const direct: Peer = { name: 'direct', needs: [], headers: ['none'], launch: undefined }
