import { direct } from './direct.ts'
import { haproxy, haproxySplice } from './haproxy.ts'
import { nginx } from './nginx.ts'
import type { Peer } from './peer.ts'
import { tidegate, tidegateNode } from './tidegate.ts'

/** In the order of the tables. A new proxy is a file in this folder and a place in this list. */
export const ALL_PEERS: readonly Peer[] = [direct, haproxy, haproxySplice, nginx, tidegate, tidegateNode]
