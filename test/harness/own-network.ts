/**
 * A network of the test file's own, with nothing in it but loopback. Packets can be dropped, ports made scarce and
 * sockets counted without a neighbour noticing; `node --test` gives each file a process, so it ends with the file.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { unshareNetwork } from './kernel.ts'

let entered = false

/** Undefined when this process now lives in a network of its own, or the reason why it can't. */
export function enterOwnNetwork(): string | undefined {
  if (entered) return undefined
  if (process.platform !== 'linux') return 'network namespaces need Linux'
  try {
    unshareNetwork()
    execFileSync('ip', ['link', 'set', 'lo', 'up'], { stdio: 'pipe' })
  } catch (error) {
    return `no network namespace of our own: ${(error as Error).message}`
  }
  entered = true
  return undefined
}

/** `setSysctl('net.ipv4.ip_local_port_range', '40000 40003')`, in the own network only. */
export function setSysctl(name: string, value: string): void {
  if (!entered) throw new Error(`${name} may only be changed in a network of our own`)
  writeFileSync(`/proc/sys/${name.replaceAll('.', '/')}`, value)
}

/** Kernels have more and more of them. */
export function hasSysctl(name: string): boolean {
  return existsSync(`/proc/sys/${name.replaceAll('.', '/')}`)
}

function nft(...words: string[]): string {
  if (!entered) throw new Error('firewall rules may only be set in a network of our own')
  return execFileSync('nft', words.join(' ').split(' '), { encoding: 'utf8', stdio: 'pipe' })
}

/** Why firewall rules can't be used here, or undefined; sets up the table the others write to. */
export function prepareFirewall(): string | undefined {
  const why = enterOwnNetwork()
  if (why !== undefined) return why
  try {
    nft('add table inet tidegate_test')
    nft('add chain inet tidegate_test in { type filter hook input priority 0 ; }')
  } catch (error) {
    return `nft does not work here: ${(error as Error).message}`
  }
  return undefined
}

/** Packets for this address and port vanish: a connect to it gets no answer at all. */
export function blackhole(address: string, port: number): void {
  nft(`add rule inet tidegate_test in ip daddr ${address} tcp dport ${port} drop`)
}

/** Packets for it arrive again, whatever was said before. */
export function letThrough(address: string, port: number): void {
  nft(`insert rule inet tidegate_test in ip daddr ${address} tcp dport ${port} accept`)
}

/** Connects to it are refused, whatever was said before. */
export function refuse(address: string, port: number): void {
  nft(`insert rule inet tidegate_test in ip daddr ${address} tcp dport ${port} reject with tcp reset`)
}

/** The cable of the host with this port is cut: neither direction arrives. */
export function cutOff(port: number): void {
  nft(`add rule inet tidegate_test in tcp dport ${port} drop`)
  nft(`add rule inet tidegate_test in tcp sport ${port} drop`)
}

/** A router says that the host can't be reached. */
export function unreachableHost(address: string): void {
  nft(`add rule inet tidegate_test in ip daddr ${address} reject with icmp type host-unreachable`)
}

/** Counts connects (first packets) to an address; `readSynCount` reads it. */
export function countSyns(name: string, address: string, port: number): void {
  nft(`add counter inet tidegate_test ${name}`)
  nft(`insert rule inet tidegate_test in ip daddr ${address} tcp dport ${port} tcp flags syn counter name ${name}`)
}

export function readSynCount(name: string): number {
  const text = nft(`list counter inet tidegate_test ${name}`)
  return Number(/packets (\d+)/.exec(text)?.[1])
}

export function clearFirewall(): void {
  nft('flush chain inet tidegate_test in')
}

export function addUnreachableRoute(network: string): void {
  if (!entered) throw new Error('routes may only be set in a network of our own')
  execFileSync('ip', ['route', 'add', 'unreachable', network], { stdio: 'pipe' })
}
