/** Attacks: what there was and is, and how near each service is to being called under attack. */
import type { AttacksAnswer, AttackView, WatchedServiceView } from '../../../src/api/contract.ts'
import { count, duration } from '../format.ts'
import { sum } from '../live.ts'
import type { PageProps } from '../pages.ts'
import { useAnswer } from '../parts/answer.ts'
import { AttackTimeline } from '../parts/attack-timeline.tsx'
import { Since } from '../parts/end.tsx'
import { Empty, Problem } from '../parts/notice.tsx'
import { kindsTitle, percent } from '../parts/attack-words.ts'
import { linkTo } from '../route.ts'
import { Attack } from './attack.tsx'

const ASK_EVERY_MS = 5_000
/** As a part of its threshold. */
const NEAR = 0.75

export default function Attacks({ rest: [id] }: PageProps) {
  return id === undefined ? <AllAttacks /> : <Attack id={id} />
}

function AllAttacks() {
  const { answer, problem } = useAnswer<AttacksAnswer>('/api/v1/attacks', ASK_EVERY_MS)
  return (
    <>
      <h1>Attacks</h1>
      <Problem problem={problem} />
      {answer === undefined ? (
        problem === undefined && <p class="quiet">Loading…</p>
      ) : (
        <>
          <UnderAttack attacks={answer.attacks} />
          <section aria-labelledby="timeline">
            <h2 id="timeline">Timeline</h2>
            {answer.attacks.length === 0 ? <NoAttacks services={answer.services} /> : <Known {...answer} />}
          </section>
          <section aria-labelledby="watched">
            <h2 id="watched">How near each service is</h2>
            <Watched services={answer.services} />
          </section>
        </>
      )}
    </>
  )
}

function UnderAttack({ attacks }: Pick<AttacksAnswer, 'attacks'>) {
  const running = attacks.filter(({ end }) => end === null)
  if (running.length === 0) return null
  return (
    <div class="banner bad" role="alert">
      {running.map(({ id, service, kinds, start }) => (
        <p key={id}>
          <strong>{service} is under attack</strong> ({kindsTitle(kinds).toLowerCase()}), since{' '}
          {duration(Date.now() - Date.parse(start))}. <a href={linkTo('attacks', String(id))}>What is done about it</a>
        </p>
      ))}
    </div>
  )
}

function NoAttacks({ services }: Pick<AttacksAnswer, 'services'>) {
  const learning = services.filter(({ learning: isLearning }) => isLearning)
  return (
    <Empty title="No attack was called so far">
      <p>
        {learning.length > 0
          ? `Tidegate is learning what is calm for ${learning.map(({ service }) => service).join(', ')}. Until then no attack is called.`
          : 'Each service is compared with its own calm once a second. The thresholds are below; floors and factor are in protect.attack of the configuration.'}
      </p>
    </Empty>
  )
}

function Known({ attacks }: AttacksAnswer) {
  return (
    <>
      <AttackTimeline attacks={attacks} />
      <table class="stacks">
        <thead>
          <tr>
            <th scope="col">Attack</th>
            <th scope="col">Service</th>
            <th scope="col">Kind</th>
            <th scope="col">Began</th>
            <th scope="col">Lasted</th>
            <th scope="col" class="number">
              New/s at most
            </th>
            <th scope="col" class="number">
              Refused
            </th>
            <th scope="col" class="number">
              Served
            </th>
          </tr>
        </thead>
        <tbody>
          {attacks.map((attack) => (
            <AttackRow key={attack.id} attack={attack} />
          ))}
        </tbody>
      </table>
    </>
  )
}

function AttackRow({ attack }: { readonly attack: AttackView }) {
  const { id, service, kinds, start, end, peak, refused, served } = attack
  return (
    <tr>
      <th scope="row">
        <a href={linkTo('attacks', String(id))}>No. {id}</a>
      </th>
      <td data-label="Service">
        <a href={linkTo('services', service)}>{service}</a>
      </td>
      <td data-label="Kind">{kindsTitle(kinds)}</td>
      <td data-label="Began">
        <Since at={start} />
      </td>
      <td data-label="Lasted">
        {end === null ? <span class="badge bad">under way</span> : duration(Date.parse(end) - Date.parse(start))}
      </td>
      <td data-label="New/s at most" class="number">
        {count(peak['newPerSecond'] ?? 0)}
      </td>
      <td data-label="Refused" class="number">
        {count(sum(Object.values(refused)))}
      </td>
      <td data-label="Served" class="number">
        {count(served)}
      </td>
    </tr>
  )
}

function Watched({ services }: { readonly services: readonly WatchedServiceView[] }) {
  if (services.length === 0) return <p class="quiet">There is no service.</p>
  return (
    <table class="stacks">
      <thead>
        <tr>
          <th scope="col">Service</th>
          <th scope="col">State</th>
          <th scope="col">New/s</th>
          <th scope="col">Addresses in 10 s</th>
          <th scope="col">Ended unused</th>
        </tr>
      </thead>
      <tbody>
        {services.map((watched) => (
          <tr key={watched.service}>
            <th scope="row">{watched.service}</th>
            <td data-label="State">
              <State {...watched} />
            </td>
            <Level watched={watched} label="New/s" kind="connection-flood" text={count} />
            <Level watched={watched} label="Addresses" kind="distributed" text={count} />
            <Level watched={watched} label="Unused" kind="unused" text={percent} />
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function State({ attack, learning, mode }: WatchedServiceView) {
  if (attack !== null) return <span class="badge bad">under attack</span>
  if (mode === 'off') return <span class="badge">not watched</span>
  return learning ? <span class="badge warn">learning</span> : <span class="badge good">calm</span>
}

interface LevelProps {
  readonly watched: WatchedServiceView
  readonly label: string
  readonly kind: string
  readonly text: (value: number) => string
}

function Level({ watched: { now, limits, calm }, label, kind, text }: LevelProps) {
  const value = now[kind] ?? 0
  const limit = limits[kind] ?? 0
  return (
    <td data-label={label}>
      <span>
        <span class={limit > 0 && value > limit ? 'bad-text' : ''}>{text(value)}</span>
        <span class="quiet">
          {' '}
          of {text(limit)}, calm {text(calm[kind] ?? 0)}
        </span>
        {/* Green far below the threshold, red at it. */}
        <meter
          class="meter"
          min={0}
          max={1}
          low={NEAR}
          high={0.999}
          optimum={0}
          value={limit > 0 ? Math.min(1, value / limit) : 0}
          aria-hidden="true"
        />
      </span>
    </td>
  )
}
