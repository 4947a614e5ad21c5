/** What the file was, and the way back. */
import { useEffect, useRef, useState } from 'preact/hooks'
import type { ConfigVersionAnswer } from '../../../src/api/contract.ts'
import { bytes, time } from '../format.ts'
import { Columns } from '../parts/columns.tsx'
import { base, isBusy, isChanged, rollBack, versionOf, versions } from './config-state.ts'
import { Difference } from './difference.tsx'

export function History() {
  const [shown, setShown] = useState<ConfigVersionAnswer | undefined>(undefined)
  const [problem, setProblem] = useState<string | undefined>(undefined)
  const show = async (id: number): Promise<void> => {
    try {
      setShown(await versionOf(id))
      setProblem(undefined)
    } catch (error) {
      setProblem((error as Error).message)
    }
  }
  return (
    <section aria-labelledby="config-history">
      <h2 id="config-history">History</h2>
      {versions.value === undefined ? (
        <p class="quiet">The history cannot be had: the store is off. The log of the daemon says why.</p>
      ) : versions.value.length === 0 ? (
        <p class="quiet">Nothing yet: the first change begins it.</p>
      ) : (
        <Versions onShow={(id) => void show(id)} />
      )}
      {problem !== undefined && (
        <p class="banner bad" role="alert">
          {problem}
        </p>
      )}
      {shown !== undefined && <Shown version={shown} onEnd={() => setShown(undefined)} />}
    </section>
  )
}

function Versions({ onShow }: { readonly onShow: (id: number) => void }) {
  return (
    <table>
      <Columns names={['Since', 'By', 'Why', 'Version', { number: 'Size' }, { unseen: 'Look' }]} />
      <tbody>
        {versions.value?.map((one) => (
          <tr key={one.id}>
            <th scope="row">
              <time dateTime={one.at}>{time(one.at)}</time>
            </th>
            <td>{one.who}</td>
            <td class="why">{one.why}</td>
            <td>
              <code>{one.version.slice(0, 12)}</code>{' '}
              {one.version === base.value?.version && <span class="badge good">in the file</span>}
            </td>
            <td class="number">{bytes(one.bytes)}</td>
            <td>
              <button type="button" onClick={() => onShow(one.id)} aria-label={`Show version ${one.id}`}>
                Show
              </button>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function Shown({ version, onEnd }: { readonly version: ConfigVersionAnswer; readonly onEnd: () => void }) {
  const [why, setWhy] = useState('')
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => heading.current?.focus(), [version.id])
  const isSame = version.version === base.value?.version
  const back = async (): Promise<void> => {
    if (await rollBack(version.id, why)) onEnd()
  }
  return (
    <div class="shown">
      <h3 ref={heading} tabIndex={-1}>
        {isSame ? 'This is what is in the file' : `Going back to ${time(version.at)} would change`}
      </h3>
      <Difference unified={version.unified} name="What going back would change" />
      {!isSame && base.value?.readOnly === null && (
        <>
          {isChanged.value && <p class="quiet">What you have written above and not applied is lost then.</p>}
          <div class="row">
            <div>
              <label for="rollback-why">Why</label>
              <input
                id="rollback-why"
                value={why}
                maxLength={400}
                onInput={(event) => setWhy(event.currentTarget.value)}
              />
            </div>
            <button type="button" class="danger" disabled={isBusy.value} onClick={() => void back()}>
              Go back to it
            </button>
          </div>
        </>
      )}
      <button type="button" onClick={onEnd}>
        Close
      </button>
    </div>
  )
}
