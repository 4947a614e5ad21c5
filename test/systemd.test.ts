/** What systemd is told, by its own tools: the unit file is right, and READY and MAINPID come, after an upgrade too. */
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { temporaryFolder } from './harness/config.ts'
import { Daemon } from './harness/daemon.ts'
import { waitFor } from './harness/deadline.ts'
import { ROOT, TIDEGATE } from './harness/started-program.ts'
import { Upstream } from './harness/upstream.ts'

function has(program: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`])
    return true
  } catch {
    return false
  }
}

const missing = ['systemd-analyze', 'systemd-notify', 'socat'].filter((program) => !has(program))
const skip = missing.length > 0 && `${missing.join(', ')} is not installed`

describe('systemd', { skip }, () => {
  it('finds nothing wrong with the unit file', () => {
    const unit = join(temporaryFolder(), 'tidegate.service')
    const text = readFileSync(join(ROOT, 'packaging', 'tidegate.service'), 'utf8')
    writeFileSync(unit, text.replace('/usr/bin/tidegate', TIDEGATE))
    assert.equal(execFileSync('systemd-analyze', ['verify', '--man=no', unit], { encoding: 'utf8', stdio: 'pipe' }), '')
  })

  it('hears that the daemon is ready, and which process is the main one after an upgrade', async () => {
    const folder = temporaryFolder()
    chmodSync(folder, 0o755)
    const socket = join(folder, 'notify')
    const receiver = spawn('socat', ['-u', `UNIX-RECV:${socket}`, 'STDOUT'], { stdio: ['ignore', 'pipe', 'inherit'] })
    let heard = ''
    receiver.stdout.setEncoding('utf8').on('data', (text: string) => (heard += text))
    await waitFor('the socket', () => has(`ls && test -S ${socket}`))
    const upstream = await Upstream.listen()
    const env = { NOTIFY_SOCKET: socket }
    const services = [{ name: 'web', upstreams: [upstream.address.text] }]
    const daemon = await Daemon.start({ engine: 'linux', env, services })
    const pids = [daemon.pid]
    try {
      await waitFor('READY and MAINPID', () => heard.includes('READY=1') && heard.includes(`MAINPID=${daemon.pid}`))
      process.kill(daemon.pid, 'SIGUSR2')
      const line = await daemon.waitForLine('the upgrade', ({ event }) => event === 'upgraded')
      pids.push(line['pid'] as number)
      await waitFor('the new MAINPID', () => heard.includes(`MAINPID=${line['pid']}`))
      process.kill(line['pid'] as number, 'SIGTERM')
      await waitFor('STOPPING', () => heard.includes('STOPPING=1'))
    } finally {
      for (const pid of pids) killIfThere(pid)
      await daemon.exited
      receiver.kill()
      upstream.close()
    }
  })
})

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended.
  }
}
