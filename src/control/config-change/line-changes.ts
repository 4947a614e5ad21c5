/** Which lines differ between two texts [Myers, "An O(ND) Difference Algorithm", 1986]. */

export interface LineChange {
  /** From 0; lines of the old text from here on go. */
  readonly oldAt: number
  readonly removed: readonly string[]
  readonly newAt: number
  readonly added: readonly string[]
}

/** Texts that differ more are told of as one change: time and memory grow with the square of it. */
const DIFFERENCES_MAX = 400

export function lineChanges(before: readonly string[], after: readonly string[]): LineChange[] {
  let start = 0
  while (start < before.length && start < after.length && before[start] === after[start]) start++
  let [oldEnd, newEnd] = [before.length, after.length]
  while (oldEnd > start && newEnd > start && before[oldEnd - 1] === after[newEnd - 1]) {
    oldEnd--
    newEnd--
  }
  const [old, fresh] = [before.slice(start, oldEnd), after.slice(start, newEnd)]
  if (old.length === 0 && fresh.length === 0) return []
  return changesBetween(old, fresh).map(({ oldAt, removed, newAt, added }) => {
    return { oldAt: oldAt + start, removed, newAt: newAt + start, added }
  })
}

function changesBetween(old: readonly string[], fresh: readonly string[]): LineChange[] {
  const trace = furthestReaching(old, fresh)
  if (trace === undefined) return [{ oldAt: 0, removed: old, newAt: 0, added: fresh }]
  // Backwards along the path: each line that is common splits changes.
  const isKeptOld = new Set<number>()
  const isKeptNew = new Set<number>()
  let [x, y] = [old.length, fresh.length]
  for (let d = trace.length - 1; d >= 0; d--) {
    const k = x - y
    const reach = trace[d]
    const isDown = d > 0 && (k === -d || (k !== d && at(reach, k - 1) < at(reach, k + 1)))
    const kBefore = d === 0 ? 0 : isDown ? k + 1 : k - 1
    const xBefore = d === 0 ? 0 : at(reach, kBefore)
    const yBefore = d === 0 ? 0 : xBefore - kBefore
    const xStart = d === 0 ? 0 : isDown ? xBefore : xBefore + 1
    while (x > xStart) {
      x--
      y--
      isKeptOld.add(x)
      isKeptNew.add(y)
    }
    ;[x, y] = [xBefore, yBefore]
  }
  return collect(old, fresh, isKeptOld, isKeptNew)
}

/** For each number of differences, how far each diagonal got before it; undefined when there are too many. */
function furthestReaching(old: readonly string[], fresh: readonly string[]): Map<number, number>[] | undefined {
  const most = Math.min(old.length + fresh.length, DIFFERENCES_MAX)
  let reach = new Map<number, number>()
  const trace: Map<number, number>[] = []
  for (let d = 0; d <= most; d++) {
    trace.push(new Map(reach))
    const next = new Map<number, number>()
    for (let k = -d; k <= d; k += 2) {
      const isDown = k === -d || (k !== d && at(reach, k - 1) < at(reach, k + 1))
      let x = d === 0 ? 0 : isDown ? at(reach, k + 1) : at(reach, k - 1) + 1
      let y = x - k
      while (x < old.length && y < fresh.length && old[x] === fresh[y]) {
        x++
        y++
      }
      next.set(k, x)
      if (x >= old.length && y >= fresh.length) return trace
    }
    reach = next
  }
  return undefined
}

function at(reach: ReadonlyMap<number, number>, k: number): number {
  return reach.get(k) ?? -1
}

function collect(
  old: readonly string[],
  fresh: readonly string[],
  isKeptOld: ReadonlySet<number>,
  isKeptNew: ReadonlySet<number>,
): LineChange[] {
  const changes: LineChange[] = []
  let [i, j] = [0, 0]
  while (i < old.length || j < fresh.length) {
    const [oldAt, newAt] = [i, j]
    while (i < old.length && !isKeptOld.has(i)) i++
    while (j < fresh.length && !isKeptNew.has(j)) j++
    if (i > oldAt || j > newAt)
      changes.push({ oldAt, removed: old.slice(oldAt, i), newAt, added: fresh.slice(newAt, j) })
    while (i < old.length && j < fresh.length && isKeptOld.has(i) && isKeptNew.has(j)) {
      i++
      j++
    }
  }
  return changes
}
