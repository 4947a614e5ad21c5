/** What resolving takes from outside: names, time, chance, the machine's addresses. */
import { networkInterfaces } from 'node:os'
import type { Resolver } from './host-lookup.ts'
import { systemResolver } from './system-resolver.ts'

export interface ResolveDependencies {
  readonly resolver: Resolver
  /** Calls back once after the delay; the answer takes it back. */
  readonly setTimer: (callback: () => void, delayMs: number) => () => void
  /** From 0 to just below 1. */
  readonly random: () => number
  /** The addresses of this machine, to notice upstreams that are Tidegate itself. */
  readonly localIps: () => ReadonlySet<string>
}

export function systemDependencies(): ResolveDependencies {
  return {
    resolver: systemResolver(),
    setTimer: (callback, delayMs) => {
      // A lookup that is due must not keep a daemon alive that has nothing else left to do.
      const timer = setTimeout(callback, delayMs).unref()
      return () => clearTimeout(timer)
    },
    random: Math.random,
    localIps: () => {
      const interfaces = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? [])
      return new Set(interfaces.map(({ address }) => address))
    },
  }
}
