/**
 * Step 1 of 6: which listeners are open, at the start and when new tables come. A listener is known by its index: while
 * that stays, its socket stays, whatever service it belongs to. Two steps (see events.ts), so that a port which one
 * worker can't have changes nothing in any.
 */
import type { Epoll } from '../../kernel/epoll.ts'
import { close } from '../../kernel/libc.ts'
import type { ListeningAddress, WorkerStart } from '../events.ts'
import type { Listener, Tables } from '../tables.ts'
import { acceptQueued } from './accept.ts'
import { guardedAccept } from './guard.ts'
import type { Loop } from './loop.ts'
import { adoptListener, ListenError, openListener, startAccepting } from './open-listener.ts'
import type { OpenListener } from './open-listener.ts'
import { warnOfRefusals } from './refuse.ts'
import { applyOptions, optionComplaints, planServices, undoOptions } from './service-plan.ts'
import type { ServicePlan } from './service-plan.ts'

/** Keys of listeners go down from here; -1 is the eventfd, connections go up from 0. */
const FIRST_KEY = -2

/** Tables whose new listeners are open, but not accepting yet. */
interface Prepared {
  readonly tables: Tables
  readonly fresh: readonly OpenListener[]
  /** Open before and after, each with the plan it will go by. */
  readonly kept: ReadonlyMap<OpenListener, ServicePlan>
}

export class Listeners {
  /** Those that accept. */
  open: OpenListener[] = []
  prepared: Prepared | undefined
  /** What the kernel refuses of the socket options, as told: said once, not with each tables. */
  complaints: ReadonlySet<string> = new Set()
  readonly #byPlace: (OpenListener | undefined)[] = []

  byKey(key: number): OpenListener | undefined {
    return this.#byPlace[FIRST_KEY - key]
  }

  /** Gives the listener the key it is watched under. */
  takeKey(open: OpenListener): void {
    const free = this.#byPlace.indexOf(undefined)
    const place = free === -1 ? this.#byPlace.length : free
    this.#byPlace[place] = open
    open.key = FIRST_KEY - place
  }

  /**
   * Leaving the epoll set, closing the fd and forgetting who had the key are one step. Closing alone would not leave the
   * set where another version has inherited the socket: each client of that version would wake this worker again and
   * again, for nothing [epoll(7), questions and answers].
   */
  close(epoll: Epoll, open: OpenListener): void {
    if (this.byKey(open.key) === open) this.#byPlace[FIRST_KEY - open.key] = undefined
    epoll.remove(open.fd)
    close(open.fd)
  }
}

/**
 * Opens what is new in these tables; undefined when one can't be had: control was told, and what was opened is closed.
 * `inheritedFds` are sockets of the version before, by listener.
 */
export function prepareListeners(
  loop: Loop,
  tables: Tables,
  inheritedFds: WorkerStart['inheritedFds'] = {},
): ListeningAddress[] | undefined {
  cancelListeners(loop)
  const fresh: OpenListener[] = []
  const kept = new Map<OpenListener, ServicePlan>()
  const openByIndex = Map.groupBy(loop.listeners.open, (open) => open.listener.index)
  try {
    for (const plan of planServices(tables.services)) {
      for (const listener of plan.service.listeners) {
        const known = openByIndex.get(listener.index)
        const inherited = inheritedFds[listener.index] ?? []
        for (const open of known ?? []) kept.set(open, plan)
        for (const fd of inherited) fresh.push(watchSilently(loop, adoptListener(listener, plan, fd)))
        if (known !== undefined || inherited.length > 0) continue
        fresh.push(watchSilently(loop, openListener(listener, plan, mayBeOurs(loop, listener))))
      }
    }
  } catch (error) {
    for (const open of fresh) loop.listeners.close(loop.epoll, open)
    if (!(error instanceof ListenError)) throw error
    loop.tell({ kind: 'listen-failed', address: error.address, code: error.code, message: error.message })
    return undefined
  }
  loop.listeners.prepared = { tables, fresh, kept }
  return fresh.map(({ listener, address, fd }) => ({ listenerIndex: listener.index, address, fd }))
}

/** In the epoll set without an event to wait for: whoever connects before `commit` waits in the queue. */
function watchSilently(loop: Loop, open: OpenListener): OpenListener {
  loop.listeners.takeKey(open)
  const code = loop.epoll.add(open.fd, 0, open.key)
  if (code === 0) return open
  loop.listeners.close(loop.epoll, open)
  throw new ListenError(open.listener.address, 'epoll_ctl', code)
}

/** Worker 0 comes first, so before it nobody of ours has a new port, unless a listener of that port is about to be narrowed or widened. */
function mayBeOurs(loop: Loop, { address }: Listener): boolean {
  if (loop.start.workerIndex !== 0) return true
  return loop.listeners.open.some((open) => open.address.port === address.port)
}

/** Goes by the prepared tables; clients that the kernel has queued on a listener that is gone are still served. */
export function commitListeners(loop: Loop): void {
  const { prepared } = loop.listeners
  if (prepared === undefined) return
  loop.listeners.prepared = undefined
  const { tables, fresh, kept } = prepared
  loop.logConnections = tables.logConnections
  loop.admission.useLists(tables.lists)
  loop.admission.useNetworks(tables.networks)
  const gone = loop.listeners.open.filter((open) => !kept.has(open))
  loop.listeners.open = [...kept.keys(), ...fresh]
  for (const [open, plan] of kept) goBy(open, plan)
  for (const open of fresh) if (loop.pausedUntilMs === 0) startAccepting(loop, open)
  for (const open of gone) {
    guardedAccept(loop, open, acceptQueued)
    loop.listeners.close(loop.epoll, open)
  }
  warnOfRefusals(loop, tables)
  sayComplaints(loop, [...kept.values(), ...fresh.map(({ plan }) => plan)])
}

/** Accepted sockets inherit the listener's options. */
function goBy(open: OpenListener, plan: ServicePlan): void {
  undoOptions(open.fd, open.plan.clientOptions, plan.clientOptions)
  applyOptions(open.fd, plan.clientOptions)
  open.plan = plan
}

/** Closes what was opened for tables that don't come. */
export function cancelListeners(loop: Loop): void {
  const { prepared } = loop.listeners
  loop.listeners.prepared = undefined
  for (const open of prepared?.fresh ?? []) loop.listeners.close(loop.epoll, open)
}

export function closeListeners(loop: Loop): void {
  cancelListeners(loop)
  for (const open of loop.listeners.open) loop.listeners.close(loop.epoll, open)
  loop.listeners.open = []
}

/** New connections go by the new tables; open ones keep theirs. The listeners are the same. */
export function adopt(loop: Loop, tables: Tables): void {
  warnOfRefusals(loop, tables)
  loop.logConnections = tables.logConnections
  loop.admission.useLists(tables.lists)
  loop.admission.useNetworks(tables.networks)
  const plans = new Map(planServices(tables.services).map((plan) => [plan.service.index, plan]))
  for (const open of loop.listeners.open) open.plan = plans.get(open.plan.service.index) ?? open.plan
}

/** From one worker: all would say the same. */
function sayComplaints(loop: Loop, plans: readonly ServicePlan[]): void {
  if (loop.start.workerIndex !== 0) return
  const complaints = new Set([...new Set(plans)].flatMap(optionComplaints))
  for (const message of complaints) if (!loop.listeners.complaints.has(message)) loop.tell({ kind: 'warning', message })
  loop.listeners.complaints = complaints
}
