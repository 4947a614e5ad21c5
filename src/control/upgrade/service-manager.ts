/** Tells systemd what a unit of `Type=notify` waits for [sd_notify(3)]. Nothing happens where no service manager asked. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Log } from '../log/log.ts'

/**
 * `READY=1`, `MAINPID=…`, `STOPPING=1`. By systemd's own program: Node has no datagram sockets of the kind that
 * NOTIFY_SOCKET is, and the program waits until the message has been read. Returns what went wrong.
 */
async function tellServiceManager(assignments: readonly string[], env = process.env): Promise<string | undefined> {
  if (env['NOTIFY_SOCKET'] === undefined) return undefined
  try {
    await promisify(execFile)('systemd-notify', [...assignments], { env, timeout: 5_000 })
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

/** Nobody waits for it: an old systemd may take its time. */
export async function sayToServiceManager(log: Log, assignments: readonly string[]): Promise<void> {
  const problem = await tellServiceManager(assignments)
  if (problem !== undefined) log.say('service-manager', { problem }, 'The service manager could not be told.')
}
