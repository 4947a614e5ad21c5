/** What this machine lets Tidegate do, and what to do for more. */
import { useSignal } from '@preact/signals'
import type { DoctorAnswer, DoctorFinding } from '../../../src/api/contract.ts'
import { useAnswer } from '../parts/answer.ts'
import { Since } from '../parts/end.tsx'
import { Tick } from '../parts/field.tsx'
import { howMany } from '../parts/lines.ts'
import { Problem } from '../parts/notice.tsx'

const LEVELS = {
  ok: ['good', '✓ ok'],
  warn: ['warn', '! could be better'],
  fail: ['bad', '✗ does not work'],
} as const

export default function Doctor() {
  const { answer, problem, again } = useAnswer<DoctorAnswer>('/api/v1/doctor')
  const isBrief = useSignal(false)
  return (
    <>
      <h1>Doctor</h1>
      <Problem problem={problem} />
      {answer === undefined && problem === undefined && <p class="quiet">Looking at the machine…</p>}
      {answer !== undefined && (
        <>
          <div class="row doctor-head">
            <p>
              {sentence(answer)}{' '}
              <span class="quiet">
                Looked at <Since at={answer.at} />.
              </span>
            </p>
            <Tick isOn={isBrief.value} onChange={(isOn) => (isBrief.value = isOn)}>
              only what is to be done
            </Tick>
            <button type="button" onClick={again}>
              Look again
            </button>
          </div>
          {answer.groups.map(({ group, title, findings }) => {
            const shown = isBrief.value ? findings.filter(({ level }) => level !== 'ok') : findings
            if (shown.length === 0) return null
            return (
              <section key={group} aria-labelledby={`group-${group}`}>
                <h2 id={`group-${group}`}>{title}</h2>
                <ul class="findings lined">
                  {shown.map((finding) => (
                    <Finding key={finding.id} finding={finding} />
                  ))}
                </ul>
              </section>
            )
          })}
        </>
      )}
    </>
  )
}

function sentence({ groups }: DoctorAnswer): string {
  const all = groups.flatMap(({ findings }) => findings)
  const of = (level: DoctorFinding['level']): number => all.filter((finding) => finding.level === level).length
  if (of('fail') > 0)
    return `${howMany(of('fail'), 'thing does', 'things do')} not work, ${of('warn')} could be better.`
  if (of('warn') > 0) return `All works; ${howMany(of('warn'), 'thing')} could be better.`
  return 'All is well.'
}

function Finding({ finding: { id, level, sentence: text, remedy } }: { readonly finding: DoctorFinding }) {
  const [kind, word] = LEVELS[level]
  return (
    <li>
      <span>
        <span class={`badge ${kind}`}>{word}</span>
      </span>
      <p class="text">
        {text} <code class="quiet">{id}</code>
      </p>
      {remedy !== null && (
        <p class="text remedy">
          <span aria-hidden="true">→ </span>
          {remedy}
        </p>
      )}
    </li>
  )
}
