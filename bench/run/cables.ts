/**
 * The networks of `banned`: who comes from outside is in a network of its own, with cables (veth) to the bench's. What
 * a cable brings is worked on by the proxy's CPU (RPS), as a network card's interrupts would be; without that the
 * kernel does it in the sender's system call, and the sender would pay for being refused.
 *
 *   bench's network                        outside
 *   bad0  10.66.0.1   ═══════════  bad1    the banned: frames of any source, answers routed back here
 *   good0 10.67.0.1   ═══════════  good1   10.67.0.2, a client; the proxy listens on 10.67.0.1
 *                                  air0 ═ air1   what is aimed at nobody: received, and dropped as another host's
 */
import { spawnSync } from 'node:child_process'
import { readlinkSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { BenchFailure } from './failure.ts'
import type { Placement } from './placement.ts'
import { start, type Running } from './processes.ts'

export const LISTEN_HOST = '10.67.0.1'
const BANNED_NETWORK = '10.50.0.0/16'
export const FIRST_BANNED = '10.50.0.1'
/** Of no interface: what is sent to it is nobody's. */
const NOBODY = '02:00:00:00:00:99'
const NEW_NETWORK_WITHIN_MS = 10_000

/** One end of a cable that frames leave by, and the Ethernet address they are for. */
export interface CableEnd {
  readonly linkIndex: number
  readonly fromLink: string
  readonly toLink: string
}

export class Cables {
  /** Words before a command that is to run outside. */
  readonly prefix: readonly string[]
  readonly toProxy: CableEnd
  readonly toNobody: CableEnd
  readonly #outside: Running

  private constructor(outside: Running) {
    this.#outside = outside
    this.prefix = nsenter(outside)
    this.toProxy = { ...this.#link('bad1'), toLink: linkOf('bad0').fromLink }
    this.toNobody = { ...this.#link('air0'), toLink: NOBODY }
  }

  static async lay(dir: string, { proxy, load }: Placement): Promise<Cables> {
    const outside = start(['unshare', '--net', 'sleep', 'infinity'], { label: 'outside', dir })
    const prefix = nsenter(outside)
    await untilMoved(outside)
    for (const cable of ['bad', 'good']) {
      run(`ip link add ${cable}0 type veth peer name ${cable}1 netns ${outside.pid}`)
    }
    run('ip address add 10.66.0.1/24 dev bad0')
    run(`ip address add ${LISTEN_HOST}/24 dev good0`)
    for (const link of ['bad0', 'good0']) run(`ip link set ${link} up`)
    for (const words of [
      'link add air0 type veth peer name air1',
      'address add 10.66.0.2/24 dev bad1',
      'address add 10.67.0.2/24 dev good1',
      ...['lo', 'bad1', 'good1', 'air0', 'air1'].map((link) => `link set ${link} up`),
    ]) {
      run(`ip ${words}`, prefix)
    }
    run(`ip route add ${BANNED_NETWORK} via 10.66.0.2 dev bad0`)
    if (proxy !== undefined && load !== undefined) {
      receiveOn(proxy, ['bad0', 'good0'], [])
      receiveOn(load, ['bad1', 'good1', 'air1'], prefix)
    }
    return new Cables(outside)
  }

  #link(name: string): Omit<CableEnd, 'toLink'> {
    return linkOf(name, this.prefix)
  }

  /** The network outside goes with its last process, and the cables with it. */
  async cut(): Promise<void> {
    await this.#outside.stop()
  }
}

function nsenter({ pid }: Running): readonly string[] {
  return ['nsenter', `--net=/proc/${pid}/ns/net`]
}

/** Until then it is still in our network, and a cable would end where it began. */
async function untilMoved({ pid }: Running): Promise<void> {
  const deadlineMs = performance.now() + NEW_NETWORK_WITHIN_MS
  while (readlinkSync(`/proc/${pid}/ns/net`) === readlinkSync('/proc/self/ns/net')) {
    if (performance.now() > deadlineMs) throw new BenchFailure('a second network namespace did not come to be')
    await sleep(10)
  }
}

/** CPU n as a mask [Documentation/networking/scaling.rst]. sysfs shows the network of whoever mounted it, hence anew. */
function receiveOn(cpu: string, links: readonly string[], prefix: readonly string[]): void {
  const mask = (1n << BigInt(cpu)).toString(16)
  const lines = links.map((link) => `echo ${mask} > /sys/class/net/${link}/queues/rx-0/rps_cpus`)
  const script = ['mount -t sysfs tidegate-bench /sys', ...lines].join(' && ')
  runWords([...prefix, 'unshare', '--mount', 'sh', '-c', script])
}

function linkOf(name: string, prefix: readonly string[] = []): Omit<CableEnd, 'toLink'> {
  const [link] = JSON.parse(run(`ip -json link show ${name}`, prefix)) as { ifindex: number; address: string }[]
  return { linkIndex: link.ifindex, fromLink: link.address }
}

function run(words: string, prefix: readonly string[] = []): string {
  return runWords([...prefix, ...words.split(' ')])
}

function runWords([file, ...args]: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(file, args, { encoding: 'utf8' })
  if (status === 0) return stdout
  throw new BenchFailure(`\`${[file, ...args].join(' ')}\` failed: ${error?.message ?? stderr.trim()}`)
}
