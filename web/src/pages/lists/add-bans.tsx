/** Bans one address, or as many as are pasted; what is refused is named with its line. */
import { useSignal } from '@preact/signals'
import type { BanChangeAnswer } from '../../../../src/api/contract.ts'
import { ask } from '../../api.ts'
import { useDoing } from '../../parts/doing.ts'
import { Field, LinesField, Tick } from '../../parts/field.tsx'
import { howMany, linesOf, type PastedLine } from '../../parts/lines.ts'
import { Notice, type Told } from '../../parts/notice.tsx'
import { TTL_MS_DEFAULT, TtlField } from '../../parts/ttl-field.tsx'

/** One request takes no more. */
const PER_REQUEST = 10_000
const REFUSALS_SHOWN_MAX = 100

export function AddBans({ onDone }: { readonly onDone: () => void }) {
  const text = useSignal('')
  const comment = useSignal('')
  const ttlMs = useSignal(TTL_MS_DEFAULT)
  const force = useSignal(false)
  const { told, isBusy, run } = useDoing(onDone)
  const lines = linesOf(text.value)
  const ban = async (): Promise<Told> => {
    const sum = await banAll(lines, { ttlMs: ttlMs.value, comment: comment.value, force: force.value })
    // What was refused stays, to be mended.
    text.value = refusedLines(sum, lines)
      .map(({ value }) => value)
      .join('\n')
    return toldOf(sum, lines)
  }
  const submit = (event: SubmitEvent): void => {
    event.preventDefault()
    void run(ban)
  }
  return (
    <section aria-labelledby="ban">
      <h2 id="ban">Ban</h2>
      <form onSubmit={submit}>
        <LinesField
          label="Addresses and networks, one a line"
          value={text.value}
          onValue={(value) => (text.value = value)}
          rows={3}
          placeholder={'192.0.2.7\n2001:db8:7::/48   # a comment'}
        />
        <div class="row">
          <Field
            label="Why"
            value={comment.value}
            onValue={(value) => (comment.value = value)}
            required={false}
            maxLength={200}
            grows
          />
          <TtlField value={ttlMs} />
          <div class="field">
            <button type="submit" class="main" disabled={lines.length === 0 || isBusy.value}>
              {isBusy.value ? 'Banning…' : lines.length > 1 ? `Ban ${howMany(lines.length, 'line')}` : 'Ban'}
            </button>
          </div>
        </div>
        <Tick isOn={force.value} onChange={(isOn) => (force.value = isOn)}>
          also networks wider than a /8 (IPv6: /16)
        </Tick>
      </form>
      <Notice told={told.value} />
    </section>
  )
}

async function banAll(lines: readonly PastedLine[], common: object): Promise<BanChangeAnswer> {
  let sum: BanChangeAnswer = { changed: 0, refused: [], stored: true, total: 0 }
  for (let from = 0; from < lines.length; from += PER_REQUEST) {
    const prefixes = lines.slice(from, from + PER_REQUEST).map(({ value }) => value.slice(0, 100))
    const answer = await ask<BanChangeAnswer>('POST', '/api/v1/bans', { prefixes, ...common })
    sum = {
      changed: sum.changed + answer.changed,
      refused: [...sum.refused, ...answer.refused],
      stored: sum.stored && answer.stored,
      total: answer.total,
    }
  }
  return sum
}

function refusedLines({ refused }: BanChangeAnswer, lines: readonly PastedLine[]): PastedLine[] {
  const prefixes = new Set(refused.map(({ prefix }) => prefix))
  return lines.filter(({ value }) => prefixes.has(value.slice(0, 100)))
}

function toldOf({ changed, refused, stored }: BanChangeAnswer, lines: readonly PastedLine[]): Told {
  const lineOf = new Map(lines.map(({ line, value }) => [value.slice(0, 100), line]))
  const more = refused
    .slice(0, REFUSALS_SHOWN_MAX)
    .map(({ prefix, why }) => `Line ${lineOf.get(prefix) ?? '?'}: ${prefix} ${why}.`)
  if (refused.length > more.length) more.push(`And ${(refused.length - more.length).toLocaleString('en')} more.`)
  const kept = stored ? '' : ' This holds until the next start only: it could not be stored.'
  const banned = `${howMany(changed, 'network')} banned.${kept}`
  if (refused.length === 0) return { kind: stored ? 'good' : 'warn', text: banned }
  return { kind: 'warn', text: `${banned} ${howMany(refused.length, 'line')} not taken:`, more }
}
