/** `tidegate firewall`: a script for the machine of an upstream, so that only our nodes get to it. */
import { writeFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { type Command, Option } from 'commander'
import { CONFIG_FILE_DEFAULT } from './config-option.ts'
import { addExamples } from './examples.ts'
import { CommandError, EXIT_CODES } from './exit-code.ts'
import { readConfig } from './read-config.ts'

interface FirewallOptions {
  readonly format: string
  readonly config?: string
  readonly service?: string
  readonly port?: string[]
  readonly node?: string[]
  readonly trust?: string[]
  readonly admin?: string[]
  readonly adminPort?: string[]
  readonly rollbackAfter?: string
  readonly output?: string
  readonly json?: true
}

export function addFirewallCommand(program: Command): void {
  const command = program
    .command('firewall')
    .description(
      "Write a firewall script for an upstream's machine: only our nodes, trusted networks and admins get to its ports.",
    )
    .addOption(
      new Option('--format <format>', 'nftables, iptables, ipset, ufw, firewalld or windows').makeOptionMandatory(),
    )
    .option('-c, --config <file>', `where upstreams are read, unless --port is given (default: ${CONFIG_FILE_DEFAULT})`)
    .option('--service <name>', 'ports of the upstreams of this service only')
    .option('--port <port...>', 'TCP ports or ranges to protect, instead of those in the configuration')
    .option('--node <network...>', "addresses our nodes connect from (default: the service's or this machine's)")
    .option('--trust <network...>', 'networks that may go round the proxy, such as an office')
    .option('--admin <network...>', 'networks that get to the admin ports; all others are locked out of them')
    .option('--admin-port <port...>', 'default: 22, on Windows 3389')
    .option('--rollback-after <seconds>', 'how long the script waits for its `confirm` (default: 120)')
    .option('-o, --output <file>', 'write the script there instead of stdout')
    .option('--json', 'write the script, what it lets in and warnings as one JSON object')
    .action(async (options: FirewallOptions) => firewall(options))
  addExamples(command, [
    ['tidegate firewall --format nftables -o firewall.sh', 'for all upstreams of ./tidegate.yaml'],
    ['tidegate firewall --format ufw --service web --admin 192.0.2.0/28', 'closes SSH to others, too'],
    ['tidegate firewall --format windows --port 443 --node 203.0.113.1', 'without a configuration'],
  ])
}

async function firewall(options: FirewallOptions): Promise<void> {
  const { firewallFor, FirewallError } = await import('../control/golive/golive.ts')
  try {
    const { plan, script, fileName, warnings } = firewallFor({
      format: options.format,
      config: await configFor(options),
      service: options.service,
      ports: options.port,
      nodes: options.node,
      trusted: options.trust,
      admins: options.admin,
      adminPorts: options.adminPort,
      ...(options.rollbackAfter === undefined ? {} : { rollbackAfterS: Number(options.rollbackAfter) }),
    })
    if (options.json) process.stdout.write(`${JSON.stringify({ ...plan, fileName, warnings, script })}\n`)
    else {
      for (const warning of warnings) process.stderr.write(`note: ${warning}\n`)
      await writeScript(script, options.output, fileName)
    }
  } catch (error) {
    if (error instanceof FirewallError) throw new CommandError(error.message, EXIT_CODES.usage)
    throw error
  }
}

/** Ports and no service: nothing of the configuration is needed, and there may be none. */
async function configFor({ config, port, service }: FirewallOptions) {
  if (config === undefined && port !== undefined && service === undefined) return undefined
  return await readConfig(config ?? CONFIG_FILE_DEFAULT)
}

async function writeScript(script: string, output: string | undefined, fileName: string): Promise<void> {
  if (output === undefined) {
    process.stdout.write(script)
    return
  }
  try {
    await writeFile(output, script, { mode: 0o700 })
  } catch (error) {
    throw new CommandError(`Cannot write ${output}: ${(error as Error).message}`)
  }
  const name = basename(output)
  const run = fileName.endsWith('.ps1') ? `.\\${name}` : `sh ${name}`
  process.stdout.write(`${output} is written. On the upstream's machine: ${run} dry-run, then apply, then confirm.\n`)
}
