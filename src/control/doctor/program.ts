/** Findings about what carries traffic: Node, the system, native calls, and which engine they leave. */
import { formatSize } from '../../lib/size.ts'
import type { Facts } from './facts.ts'
import { count, fail, ok, warn } from './finding.ts'
import type { Finding } from './finding.ts'
import type { Plan } from './plan.ts'

const NODE_MAJOR_MIN = 24
/** What Node 24's own binaries are built for; IP_BIND_ADDRESS_NO_PORT is older (4.2). */
const KERNEL_MIN = [4, 18] as const
/** What a pipe of the linux engine should hold: kernel/pipe-pool.ts asks for it. */
const PIPE_BYTES_WANTED = 512 * 1024
const PAGE_BYTES = 4096

export function nodeFinding({ nodeVersion, arch }: Facts): Finding {
  if (Number(nodeVersion.split('.')[0]) >= NODE_MAJOR_MIN) return ok('node', `Node.js ${nodeVersion} (${arch}).`)
  return fail(
    'node',
    `Node.js ${nodeVersion} is older than ${NODE_MAJOR_MIN}, which Tidegate is written for.`,
    'Start it with bin/tidegate, which finds the Node.js that is installed beside it.',
  )
}

export function systemFinding({ platform, kernelRelease }: Facts): Finding {
  if (platform !== 'linux') {
    return warn(
      'system',
      `The system is ${platform}: the node engine carries traffic, and limits of the kernel can't be looked at.`,
      'Use Linux for production.',
    )
  }
  const [major, minor] = kernelRelease.split('.').map(Number)
  const isOld = major < KERNEL_MIN[0] || (major === KERNEL_MIN[0] && minor < KERNEL_MIN[1])
  if (!isOld) return ok('system', `Linux ${kernelRelease}.`)
  const wanted = KERNEL_MIN.join('.')
  return warn(
    'system',
    `Linux ${kernelRelease} is older than ${wanted}, the oldest that is supported.`,
    'Update the kernel.',
  )
}

export function containerFinding({ container }: Facts): Finding | undefined {
  if (container === undefined) return undefined
  return ok(
    'container',
    `This is a container (${container}): net.* settings are its own, fs.* and memory are the machine's.`,
    'Set net.* with --sysctl, and open files with --ulimit nofile, where the container is started; `sysctl -w` inside it often may not.',
  )
}

export function nativeCallsFinding({ trials, platform }: Facts): Finding | undefined {
  if (platform !== 'linux') return undefined
  if (trials.nativeCalls === undefined) return ok('native-calls', 'Native calls work (koffi).')
  return warn(
    'native-calls',
    `Native calls don't work: ${trials.nativeCalls}.`,
    `Install again with optional packages, on a processor and libc that koffi has binaries for. Without them the node engine carries traffic, at a part of the speed.`,
  )
}

const ALLOW_CALL =
  "A system-call filter may refuse it (a container's seccomp profile, SystemCallFilter= of a systemd unit): allow it there, or set traffic.engine to node, which is slower."

export function epollFinding({ trials }: Facts, plan: Plan): Finding | undefined {
  if (trials.nativeCalls !== undefined) return undefined
  if (trials.epoll === undefined) return ok('epoll', 'epoll and eventfd work.')
  return refusedCall('epoll', trials.epoll, plan)
}

export function spliceFinding({ trials }: Facts, plan: Plan): Finding | undefined {
  if (trials.nativeCalls !== undefined) return undefined
  if (trials.splice === undefined) return ok('splice', 'splice moves bytes from socket to socket through a pipe.')
  return refusedCall('splice', trials.splice, plan)
}

/** Never a failure: without it the linux engine makes its calls one by one. */
export function ioUringFinding({ trials }: Facts, plan: Plan): Finding | undefined {
  if (trials.nativeCalls !== undefined || plan.engine !== 'linux') return undefined
  if (plan.askedIoUring === 'off') return ok('io-uring', 'io_uring is not used: traffic.ioUring is off.')
  if (trials.ioUring === undefined) return ok('io-uring', 'io_uring reads and sends for many connections in one call.')
  return warn(
    'io-uring',
    `io_uring can't be used: ${trials.ioUring}. Each read and send is a call of its own, which costs more CPU.`,
    'sysctl -w kernel.io_uring_disabled=0, and in a container a seccomp profile that allows io_uring_setup and io_uring_enter; or set traffic.ioUring to off if it is not wanted here.',
  )
}

/** `engine: auto` looks only whether native calls work: without these two the linux engine would start and fail. */
function refusedCall(id: 'epoll' | 'splice', problem: string, plan: Plan): Finding {
  const sentence = `${id} doesn't work: ${problem}.`
  return plan.engine === 'linux' ? fail(id, sentence, ALLOW_CALL) : warn(id, sentence, ALLOW_CALL)
}

export function pipeSizeFinding({ trials, settings }: Facts): Finding | undefined {
  if (trials.splice !== undefined) return undefined
  const size = formatSize(trials.pipeBytes)
  if (trials.pipeBytes >= PIPE_BYTES_WANTED) return ok('pipe-size', `Pipes for bulk hold ${size}.`)
  const limit = settings.pipeBytesMax === undefined ? '' : ` (fs.pipe-max-size is ${formatSize(settings.pipeBytesMax)})`
  return warn(
    'pipe-size',
    `Pipes for bulk hold ${size} of the wanted ${formatSize(PIPE_BYTES_WANTED)}${limit}: each byte costs more CPU.`,
    'sysctl -w fs.pipe-max-size=1048576',
  )
}

/** The limit on pipe pages is a user's, and counts what pipes could hold, not what is in them. */
export function pipePagesFinding({ settings, rights, trials }: Facts, plan: Plan): Finding | undefined {
  const pages = settings.pipeUserPagesSoft
  if (pages === undefined || trials.splice !== undefined || plan.engine !== 'linux') return undefined
  if (pages === 0 || rights?.has('sysResource') || rights?.has('sysAdmin')) {
    return ok('pipe-pages', 'The number of pipes is not limited for this user.')
  }
  const pipes = Math.floor((pages * PAGE_BYTES) / PIPE_BYTES_WANTED)
  const wanted = plan.limits.pipesMax * plan.workers
  if (pipes >= wanted)
    return ok('pipe-pages', `This user may have ${count(pipes)} pipes of full size, and ${count(wanted)} are wanted.`)
  return warn(
    'pipe-pages',
    `This user may have ${count(pipes)} pipes of full size (fs.pipe-user-pages-soft is ${pages}); with up to ${count(wanted)} in use, the rest are small and cost more CPU.`,
    `sysctl -w fs.pipe-user-pages-soft=${(wanted * PIPE_BYTES_WANTED) / PAGE_BYTES}, or give the service CAP_SYS_RESOURCE.`,
  )
}

export function engineFinding({ trials }: Facts, plan: Plan): Finding {
  if (plan.askedEngine === 'linux' && trials.nativeCalls !== undefined) {
    return fail(
      'engine',
      `The configuration asks for the linux engine, which can't run here: ${trials.nativeCalls}.`,
      'Set traffic.engine to auto or node, or mend the cause above.',
    )
  }
  const workers = plan.workers === 1 ? 'one worker' : `${plan.workers} workers`
  return ok('engine', `The ${plan.engine} engine carries traffic, with ${workers}.`)
}
