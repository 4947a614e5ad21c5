/** `tidegate golive`: the checklist of a service, looked at now. */
import { readFile } from 'node:fs/promises'
import type { Command } from 'commander'
import type { GoliveAsked } from '../api/contract.ts'
import type { ChecklistItem, ChecklistState, ExposureReport } from '../control/golive/golive.ts'
import { adminOption } from './admin-option.ts'
import { CONFIG_FILE_DEFAULT } from './config-option.ts'
import { cutOver, type CutOverOptions, cutOverWish } from './cut-over.ts'
import { addExamples } from './examples.ts'
import { CommandError, EXIT_CODES } from './exit-code.ts'
import { painterFor, type Painter } from './painter.ts'
import { readConfig } from './read-config.ts'
import { shown } from './table.ts'
import { wrap } from './wrap.ts'

interface GoliveOptions extends CutOverOptions {
  readonly config: string
  readonly domain?: string
  readonly address?: string[]
  readonly old?: string[]
  readonly subdomain?: string[]
  readonly server?: string[]
  readonly exposure?: string[]
}

export function addGoliveCommand(program: Command): void {
  const command = program
    .command('golive')
    .description(
      'Look at all that has to be true before clients are sent to a service. Exit code 1 while something is open.',
    )
    .argument('<service>', 'its name in the configuration')
    .option('-c, --config <file>', 'the configuration', CONFIG_FILE_DEFAULT)
    .option('--domain <name>', 'what clients look up')
    .option('--address <address...>', 'where clients reach the service, if its listeners do not tell')
    .option('--old <address...>', "upstreams' addresses from before that attackers may know, or none")
    .option('--subdomain <name...>', 'more names that might give an upstream away')
    .option('--server <address...>', 'name servers to ask, instead of those of this machine')
    .option('--exposure <file...>', 'what `tidegate exposure … --json` has written elsewhere')
    .option('--enable', 'open the service in the running daemon, now; the daemon records the checklist')
    .option('--enable-at <time>', 'the same at that time: 2026-11-22T03:00:00Z, or 03:00 for the next one here')
    .option('--disable', 'close its listeners; connections go on, and what is planned is cancelled')
    .option('--cancel', 'do not open it at the time that was set')
    .addOption(adminOption())
    .option('--json', 'write the items, or the answer, as one JSON object')
    .action(async (service: string, options: GoliveOptions) => golive(service, options))
  addExamples(command, [
    ['tidegate golive web --domain www.example.com', 'each item with what was seen and what to do next'],
    ['tidegate golive web --domain www.example.com --old 203.0.113.5 --exposure seen.json', 'all of it'],
    ['tidegate golive web --enable-at 03:00 --domain www.example.com', 'opens it then, and keeps what the list said'],
    ['tidegate golive web --disable', 'closes its ports; --enable opens them'],
    ['tidegate golive web --json | jq \'.items[] | select(.state != "ok")\'', 'for programs'],
  ])
}

async function golive(name: string, options: GoliveOptions): Promise<void> {
  const wish = cutOverWish(options)
  if (wish !== undefined) {
    await cutOver(name, wish, await askedBy(options), options)
    return
  }
  const { checklist, DnsProbeError, gatherFacts, worstState } = await import('../control/golive/golive.ts')
  const config = await readConfig(options.config)
  const service = config.services.find((service) => service.name === name)
  if (service === undefined) {
    const names = config.services.map(({ name }) => name).join(', ')
    throw new CommandError(`There is no service ${JSON.stringify(name)}; there is ${names}.`, EXIT_CODES.usage)
  }
  try {
    const facts = await gatherFacts(service, {
      domain: options.domain,
      addresses: options.address,
      oldAddresses: await readOld(options.old),
      subdomains: options.subdomain,
      servers: options.server,
      exposures: await readExposures(options.exposure ?? []),
    })
    const items = checklist(service, facts)
    const state = worstState(items)
    process.stdout.write(
      options.json ? `${JSON.stringify({ service: name, state, items })}\n` : goliveText(name, items),
    )
    if (state === 'fail' || state === 'unknown') process.exitCode = EXIT_CODES.failed
  } catch (error) {
    if (error instanceof DnsProbeError) throw new CommandError(error.message, EXIT_CODES.usage)
    throw error
  }
}

async function askedBy({ domain, address, old, subdomain }: GoliveOptions): Promise<GoliveAsked> {
  const oldAddresses = await readOld(old)
  return {
    ...(domain === undefined ? {} : { domain }),
    ...(address === undefined ? {} : { addresses: address }),
    ...(oldAddresses === undefined ? {} : { oldAddresses }),
    ...(subdomain === undefined ? {} : { subdomains: subdomain }),
  }
}

/** `none`: there are no addresses from before. */
async function readOld(texts: readonly string[] | undefined): Promise<string[] | undefined> {
  if (texts === undefined) return undefined
  const { formatIp, parseIp } = await import('../lib/ip.ts')
  return texts
    .filter((text) => text !== 'none')
    .map((text) => {
      const bytes = parseIp(text)
      if (bytes === undefined)
        throw new CommandError(`--old ${JSON.stringify(text)} is no IP address.`, EXIT_CODES.usage)
      return formatIp(bytes)
    })
}

async function readExposures(files: readonly string[]): Promise<ExposureReport[]> {
  const { ExposureReport } = await import('../control/golive/golive.ts')
  return Promise.all(
    files.map(async (file) => {
      const wrong = (why: string): CommandError => new CommandError(`${file}: ${why}`, EXIT_CODES.usage)
      const text = await readFile(file, 'utf8').catch((error: Error) => {
        throw wrong(error.message)
      })
      try {
        return ExposureReport.parse(JSON.parse(text))
      } catch {
        throw wrong('is no report of `tidegate exposure … --json`.')
      }
    }),
  )
}

const COLOURS = { ok: 'green', warn: 'yellow', fail: 'red', unknown: 'dim' } as const
const MARK_WIDTH = 9

export function goliveText(service: string, items: readonly ChecklistItem[]): string {
  const paint = painterFor(process.stdout)
  const width = Math.min(process.stdout.columns ?? 100, 110) - MARK_WIDTH
  const lines = items.flatMap((item) => itemLines(item, width, paint))
  const count = (state: ChecklistState): number => items.filter((item) => item.state === state).length
  const said = (['ok', 'warn', 'fail', 'unknown'] as const).filter(count).map((state) => `${count(state)} ${state}`)
  return `${shown(service)}\n\n${lines.join('\n')}\n\n${said.join(', ')}.\n`
}

function itemLines({ title, state, saw, next }: ChecklistItem, width: number, paint: Painter): string[] {
  const more = [...wrap(shown(saw), width), ...(next === undefined ? [] : wrap(`→ ${shown(next)}`, width))]
  return [
    `${paint(COLOURS[state], state.padEnd(MARK_WIDTH))}${paint('bold', title)}`,
    ...more.map((line) => ' '.repeat(MARK_WIDTH) + line),
  ]
}
