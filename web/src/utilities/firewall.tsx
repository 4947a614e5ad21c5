/** A firewall script for the upstream's machine. */
import { useState } from 'preact/hooks'
import type { FirewallScriptAnswer } from '../../../src/api/contract.ts'
import { addressOf, get } from '../api.ts'
import type { ToolProps } from '../pages/utilities.tsx'
import { Choice, Field } from '../parts/field.tsx'
import { Form } from '../parts/form.tsx'
import { CommandLine, CopyButton } from './command-line.tsx'
import { listOf, queryOf } from './words.ts'

type Format = FirewallScriptAnswer['format']

const FORMATS: readonly (readonly [Format, string])[] = [
  ['nftables', 'nftables: the one to take'],
  ['iptables', 'iptables'],
  ['ipset', 'iptables with ipset: for many networks'],
  ['ufw', 'ufw'],
  ['firewalld', 'firewalld'],
  ['windows', 'Windows'],
]

type Wish = 'nodes' | 'trusted' | 'admins' | 'ports' | 'rollbackAfterS'
const FIELDS: readonly (readonly [key: Wish, label: string, note: string])[] = [
  ['nodes', 'Our nodes', "As the upstream sees them. Without any: the service's sourceAddresses, or this machine's."],
  ['trusted', 'Trusted networks', 'May go round the proxy: an office.'],
  ['admins', 'Admin networks', 'Get to SSH (or RDP) and the service; all others are locked out of SSH then.'],
  ['ports', 'Ports', "Without any: those of the service's upstreams."],
  ['rollbackAfterS', 'Seconds until it is rolled back', 'Unless it is confirmed; 120 without a number.'],
]

export function Firewall({ service }: ToolProps) {
  const [format, setFormat] = useState<Format>('nftables')
  const [texts, setTexts] = useState<Readonly<Partial<Record<Wish, string>>>>({})
  const [answer, setAnswer] = useState<{ readonly made: FirewallScriptAnswer; readonly query: string }>()
  const make = async (): Promise<void> => {
    setAnswer(undefined)
    const lists = Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, listOf(text)]))
    const query = queryOf({ format, service, ...lists })
    setAnswer({ query, made: await get<FirewallScriptAnswer>(`/api/v1/firewall${query}`) })
  }
  return (
    <>
      <section aria-labelledby="firewall">
        <h2 id="firewall">Only our nodes get to the upstream</h2>
        <p class="quiet">
          A script for the upstream's machine. Nothing changes until you run it there; it rolls itself back unless you
          confirm it.
        </p>
        <Form verb="Write the script" onSend={make}>
          <Choice
            label="Format"
            value={format}
            words={FORMATS}
            onValue={(value) => setFormat(FORMATS.find(([word]) => word === value)?.[0] ?? 'nftables')}
          />
          {FIELDS.map(([key, label, note]) => (
            <Field
              key={key}
              label={label}
              note={note}
              required={false}
              value={texts[key] ?? ''}
              onValue={(text) => setTexts({ ...texts, [key]: text })}
            />
          ))}
        </Form>
      </section>
      {answer !== undefined && <Script {...answer} />}
    </>
  )
}

interface ScriptProps {
  readonly made: FirewallScriptAnswer
  readonly query: string
}

function Script({ made, query }: ScriptProps) {
  const { fileName, script, warnings, allowed, admins, ports, adminPorts } = made
  const isWindows = made.format === 'windows'
  const run = isWindows ? `.\\${fileName}` : `sh ${fileName}`
  return (
    <section aria-labelledby="script">
      <h2 id="script">{fileName}</h2>
      {warnings.map((warning) => (
        <p key={warning} class="banner warn">
          {warning}
        </p>
      ))}
      {isWindows && <p class="banner warn">This format has never run on Windows: try it where you have a console.</p>}
      <dl>
        <dt>Ports {portText(ports)}</dt>
        <dd>{[...allowed.ipv4, ...allowed.ipv6].join(', ')}</dd>
        {adminPorts.length > 0 && (
          <>
            <dt>Ports {portText(adminPorts)}</dt>
            <dd>{[...admins.ipv4, ...admins.ipv6].join(', ')}</dd>
          </>
        )}
      </dl>
      <div class="row">
        <a class="button" href={addressOf(`/api/v1/firewall/script${query}`)} download={fileName}>
          Download
        </a>
        <CopyButton text={script} />
      </div>
      <h3>On the upstream's machine</h3>
      <CommandLine text={`${run} dry-run`} />
      <CommandLine text={`${run} apply`} />
      <p>
        Log in a second time from elsewhere and try the service; then, within {made.rollbackAfterS} s, or all of it is
        taken back:
      </p>
      <CommandLine text={`${run} confirm`} />
      <h3>The script</h3>
      {/* Can be scrolled with the keyboard. */}
      <pre class="script" tabIndex={0} aria-label={`The text of ${fileName}`}>
        {script}
      </pre>
    </section>
  )
}

function portText(ports: FirewallScriptAnswer['ports']): string {
  return ports.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`)).join(', ')
}
