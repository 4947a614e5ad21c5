/** Hands this process over to another program; plain JavaScript for old Nodes. */
'use strict'
const { spawn } = require('node:child_process')
const { readFileSync } = require('node:fs')

/**
 * Becomes `file` where Node can (22.15, 23.11 and newer), so that one process is left.
 * Elsewhere runs it as a child, passes signals on, and ends as the child ended.
 */
exports.become = function become(file, args, env = process.env) {
  if (process.execve) process.execve(file, [file, ...args], env)

  const child = spawn(file, args, { stdio: 'inherit', env })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2']) {
    process.on(signal, () => {
      if (!cameFromTerminal(signal)) child.kill(signal)
    })
  }
  child.on('error', (error) => {
    process.stderr.write(`${error.message}\n`)
    process.exit(1)
  })
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code)
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  })
}

/** A terminal signals its whole foreground group: the child has had it already, and a second one means "at once". */
function cameFromTerminal(signal) {
  if (signal !== 'SIGINT' && signal !== 'SIGQUIT') return false
  try {
    // After the program's name, which may hold anything: state, parent, process group, session, tty, the tty's foreground group.
    const fields = readFileSync('/proc/self/stat', 'latin1')
      .replace(/^.*\) /s, '')
      .split(' ')
    return fields[2] === fields[5]
  } catch {
    return process.stdin.isTTY
  }
}
