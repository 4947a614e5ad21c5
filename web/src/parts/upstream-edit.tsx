/** What an admin may change of upstreams: their weight, their order, which there are. */
import { useSignal } from '@preact/signals'
import { addUpstream, changeUpstream, removeUpstream } from '../upstream-change.ts'
import type { UpstreamStatus } from '../../../src/api/contract.ts'
import { ConfirmButton } from './confirm-button.tsx'
import { Field, Tick } from './field.tsx'
import { Form } from './form.tsx'

interface UpstreamEditProps {
  readonly service: string
  readonly upstream: UpstreamStatus
  /** Of the upstreams of the service, from 0. */
  readonly position: number
  readonly count: number
  /** Shows what it says, or why it failed. */
  readonly tell: (change: Promise<string>) => void
}

export function UpstreamEdit({ service, upstream, position, count, tell }: UpstreamEditProps) {
  const { name } = upstream
  const weight = useSignal(String(upstream.weight))
  const moveTo = (to: number): void => tell(changeUpstream(service, name, { position: to }))
  return (
    <details class="edit" onToggle={() => (weight.value = String(upstream.weight))}>
      <summary>
        Change<span class="unseen"> {name}</span>
      </summary>
      <Form
        verb="Set"
        isRow
        onSend={async () => tell(changeUpstream(service, name, { weight: wholeNumber(weight.value) }))}
      >
        <Field label="Weight" value={weight.value} onValue={(value) => (weight.value = value)} inputMode="numeric" />
      </Form>
      <div class="row">
        <button type="button" disabled={position === 0} onClick={() => moveTo(position - 1)}>
          Earlier<span class="unseen"> {name}</span>
        </button>
        <button type="button" disabled={position === count - 1} onClick={() => moveTo(position + 1)}>
          Later<span class="unseen"> {name}</span>
        </button>
        <ConfirmButton
          question={`Take ${name} out of the configuration? Its open connections go on.`}
          onConfirm={() => tell(removeUpstream(service, name))}
        >
          Remove<span class="unseen"> {name}</span>
        </ConfirmButton>
      </div>
    </details>
  )
}

interface AddUpstreamProps {
  readonly service: string
  readonly onAdded: (text: string) => void
}

export function AddUpstream({ service, onAdded }: AddUpstreamProps) {
  const address = useSignal('')
  const name = useSignal('')
  const backup = useSignal(false)
  const add = async (): Promise<void> => {
    const named = name.value.trim() === '' ? {} : { name: name.value.trim() }
    const asBackup = backup.value ? { backup: true } : {}
    onAdded(await addUpstream(service, { address: address.value.trim(), ...named, ...asBackup }))
    address.value = ''
    name.value = ''
    backup.value = false
  }
  return (
    <details class="edit">
      <summary>Add an upstream</summary>
      <Form verb="Add" isRow onSend={add}>
        <Field
          label="Address"
          value={address.value}
          onValue={(value) => (address.value = value)}
          note="192.0.2.10:443, or a name and a port"
        />
        <Field
          label="Name"
          value={name.value}
          onValue={(value) => (name.value = value)}
          required={false}
          note="if it shall have one"
        />
        <Tick isOn={backup.value} onChange={(isOn) => (backup.value = isOn)}>
          Backup
        </Tick>
      </Form>
    </details>
  )
}

function wholeNumber(text: string): number {
  if (!/^\d{1,4}$/.test(text.trim())) throw new Error('Expected a whole number from 0 to 1000; 0 takes no new clients.')
  return Number(text)
}
