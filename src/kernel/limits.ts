/**
 * How many files this process may open, and whether native code can be called at all.
 * The library for native calls is loaded on the first question: the command line must work where it can't be loaded.
 */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

export interface FileLimit {
  /** What counts now; Infinity when there is none. */
  readonly soft: number
  /** Up to where a process may raise its own soft limit. */
  readonly hard: number
}

/** RLIMIT_NOFILE of <asm-generic/resource.h>, and of macOS's <sys/resource.h>. */
const RLIMIT_NOFILE = process.platform === 'darwin' ? 8 : 7
/** RLIM_INFINITY is all bits on Linux and all but the sign on macOS. */
const INFINITY_FROM = 2n ** 63n - 1n

type LimitCall = (resource: number, softAndHard: BigUint64Array) => number

interface Libc {
  readonly getrlimit: LimitCall
  readonly setrlimit: LimitCall
  readonly getpid: () => number
}

let libc: Libc | Error | undefined

/**
 * Loads once; the error says why native code can't be called here. Not through libc.ts, which fails as a whole where
 * the library can't be loaded, as it may: who imports it needs it.
 */
function loadLibc(): Libc | Error {
  libc ??= tryToLoadLibc()
  return libc
}

function tryToLoadLibc(): Libc | Error {
  try {
    const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi')
    const library = koffi.load(null)
    return {
      getrlimit: library.func('getrlimit', 'int', ['int', 'void *']) as unknown as LimitCall,
      setrlimit: library.func('setrlimit', 'int', ['int', 'void *']) as unknown as LimitCall,
      getpid: library.func('getpid', 'int', []) as unknown as () => number,
    }
  } catch (error) {
    return error as Error
  }
}

/** Why native code can't be called here; undefined when it can. */
export function ffiProblem(): string | undefined {
  const calls = loadLibc()
  // What follows the first line is the path that led to the library.
  if (calls instanceof Error) return calls.message.split('\n', 1)[0]
  try {
    return calls.getpid() === process.pid ? undefined : 'a native call gave a wrong answer'
  } catch (error) {
    return (error as Error).message
  }
}

/** The file limit now; undefined where the system does not tell. */
export function fileLimit(): FileLimit | undefined {
  const calls = loadLibc()
  if (!(calls instanceof Error)) {
    const pair = new BigUint64Array(2)
    if (calls.getrlimit(RLIMIT_NOFILE, pair) === 0) return { soft: limitFrom(pair[0]), hard: limitFrom(pair[1]) }
  }
  return fileLimitFromProc()
}

/** Raises the soft limit to the hard one where that is possible; returns what counts afterwards. */
export function raiseFileLimit(): FileLimit | undefined {
  const before = fileLimit()
  const calls = loadLibc()
  if (before === undefined || before.soft >= before.hard || calls instanceof Error) return before
  const pair = new BigUint64Array(2)
  calls.getrlimit(RLIMIT_NOFILE, pair)
  pair[0] = pair[1]
  // A refusal is no error here: the ceiling is then worked out from the limit that stays.
  calls.setrlimit(RLIMIT_NOFILE, pair)
  return fileLimit()
}

function limitFrom(value: bigint): number {
  return value >= INFINITY_FROM ? Infinity : Number(value)
}

function fileLimitFromProc(): FileLimit | undefined {
  try {
    return parseProcLimits(readFileSync('/proc/self/limits', 'utf8'))
  } catch {
    return undefined
  }
}

/** Reads `Max open files  1024  524288  files` out of /proc/PID/limits [proc(5)]. */
export function parseProcLimits(text: string): FileLimit | undefined {
  const found = /^Max open files\s+(\S+)\s+(\S+)/m.exec(text)
  if (found === null) return undefined
  const limit = (word: string): number => (word === 'unlimited' ? Infinity : Number(word))
  return { soft: limit(found[1]), hard: limit(found[2]) }
}
