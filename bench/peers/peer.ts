/** What the bench knows of a proxy: how to start one from a list of routes. One file per proxy in this folder. */

export type PeerName = 'direct' | 'haproxy' | 'haproxy-splice' | 'nginx' | 'tidegate' | 'tidegate-node'

/** What a route sends before the client's bytes; `v2-tlvs` is v2 with CRC32C and UNIQUE_ID. */
export type Header = 'none' | 'v1' | 'v2' | 'v2-tlvs'

/** One listener on loopback in front of one upstream on loopback. */
export interface Route {
  readonly listenPort: number
  readonly upstreamPort: number
  readonly header: Header
}

export interface Launch {
  /** Its configuration, as a file. */
  readonly configName: string
  readonly config: string
  readonly command: (configPath: string) => readonly string[]
}

export interface Peer {
  readonly name: PeerName
  /** Programs that must be on the PATH. */
  readonly needs: readonly string[]
  readonly headers: readonly Header[]
  /** Takes part in these measures only. */
  readonly onlyIn?: readonly string[]
  /** Every proxy carries traffic with one thread. `undefined`: clients go to the upstream by themselves. */
  readonly launch: ((routes: readonly Route[], connectionLog: boolean) => Launch) | undefined
}
