/**
 * What one choice of an upstream costs: `node bench/choose.ts [candidates]`, 100 unless told otherwise.
 * Prints ns per choice for each balance method: the whole of step 4, with ranking and taking the place at the upstream.
 */
import { Chooser } from '../src/traffic/balance/choose.ts'
import { mix32 } from '../src/lib/client-hash.ts'
import { NodeWide } from '../src/traffic/node-wide.ts'
import { serviceForTest } from '../src/traffic/service-for-test.ts'
import { BALANCE_METHOD_NAMES } from '../src/traffic/tables.ts'
import type { Service } from '../src/traffic/tables.ts'
import { UpstreamStates } from '../src/traffic/upstream-states.ts'

const CHOICES = 2_000
const ROUNDS = 300
/** Connections that stay open meanwhile, so that counts differ. */
const HELD = 1000

const candidates = Number(process.argv[2] ?? 100)

const FORMS: readonly {
  readonly name: string
  readonly weight: (i: number) => number
  readonly slowStartMs: number
}[] = [
  { name: 'equal weights', weight: () => 1, slowStartMs: 0 },
  { name: 'weights 1 to 5', weight: (i) => 1 + (i % 5), slowStartMs: 0 },
  { name: 'weights, slow start', weight: (i) => 1 + (i % 5), slowStartMs: 30_000 },
]

console.log(`ns per choice, ${candidates} candidates, least of ${ROUNDS} rounds of ${CHOICES}`)
console.log(['method'.padEnd(18), ...FORMS.map(({ name }) => name.padStart(20))].join(' '))
for (const balance of BALANCE_METHOD_NAMES) {
  const cells = FORMS.map(({ weight, slowStartMs }) => {
    const service = serviceOf(weight, { balance, slowStartMs })
    return nsPerChoice(service).toFixed(0).padStart(20)
  })
  console.log([balance.padEnd(18), ...cells].join(' '))
}

function serviceOf(weight: (i: number) => number, changes: Partial<Service>): Service {
  const addresses = Array.from({ length: candidates }, (_, i) => {
    return { family: 4 as const, address: `192.0.2.${i}`, port: 443 }
  })
  const service = serviceForTest(addresses, changes)
  const weighted = service.candidates.map((candidate, i) => {
    return { ...candidate, share: { ...candidate.share, weight: weight(i), maxConnections: 1_000_000 } }
  })
  return { ...service, candidates: weighted }
}

function nsPerChoice(service: Service): number {
  const shape = { services: 1, upstreams: candidates }
  const states = new UpstreamStates(new SharedArrayBuffer(UpstreamStates.bytes(shape)), shape)
  const chooser = new Chooser(new NodeWide(new SharedArrayBuffer(NodeWide.bytes(candidates))), states)
  for (let i = 0; i < HELD; i++) chooser.choose(service, null, mix32(i), 0)
  let best = Infinity
  for (let round = 0; round < ROUNDS; round++) {
    const startedMs = performance.now()
    for (let i = 0; i < CHOICES; i++) {
      const place = chooser.choose(service, null, mix32(i), i)
      states.giveUpstreamPlaceBack(service.candidates[place].upstreamIndex)
    }
    best = Math.min(best, ((performance.now() - startedMs) * 1e6) / CHOICES)
  }
  return best
}
