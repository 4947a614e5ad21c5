/**
 * Installs what the checkout needs, then runs a script under the pinned Node: `node scripts/setup.mjs SCRIPT ARGS…`.
 * Plain JavaScript without dependencies: on a fresh machine an old Node runs it. Quiet when there is nothing to do.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, lstatSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildDashboard } from './dashboard.mjs'

const { become } = createRequire(import.meta.url)('../bin/become.cjs')

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..')
const MODULES = join(ROOT, 'node_modules')
/** Below node_modules, so that whatever removes the packages removes the claim that they are there. */
const STAMP = join(MODULES, '.tidegate-setup')
const NODE_MAJOR_MIN = 24

setUp()
const [script, ...args] = process.argv.slice(2)
if (script) runUnderPinnedNode(script, args)

function setUp() {
  const stamp = stampOfLock()
  if (!existsSync(STAMP) || readFileSync(STAMP, 'utf8') !== stamp) {
    if (!installedIsLocked()) install()
    writeFileSync(STAMP, stamp)
  }
  const problem = buildDashboard(pinnedNode())
  if (problem !== undefined) fail(`Cannot build the dashboard:\n${problem}`)
}

function stampOfLock() {
  const hash = createHash('sha256')
    .update(readFileSync(join(ROOT, 'package-lock.json')))
    .digest('hex')
  return `${process.platform}-${process.arch} ${hash}\n`
}

/** True when npm has installed exactly what the lock says, without this script. */
function installedIsLocked() {
  const hiddenLock = join(MODULES, '.package-lock.json')
  if (!existsSync(hiddenLock)) return false
  const locked = packagesOf(join(ROOT, 'package-lock.json'))
  const installed = packagesOf(hiddenLock)
  return (
    Object.keys(installed).every((path) => locked[path] !== undefined) &&
    Object.keys(locked).every((path) =>
      path === '' || installed[path] === undefined
        ? path === '' || locked[path].optional === true
        : installed[path].integrity === locked[path].integrity,
    )
  )
}

function packagesOf(lockFile) {
  return JSON.parse(readFileSync(lockFile, 'utf8')).packages
}

function install() {
  if (lstatSync(MODULES, { throwIfNoEntry: false })?.isSymbolicLink()) {
    fail(
      `Cannot install the packages: ${MODULES} is a link, and npm would empty what it leads to. Remove the link, then try again.`,
    )
  }
  process.stderr.write('Installing the packages of package-lock.json (npm ci) …\n')
  const caller = process.env.npm_execpath
  const npm = caller && caller.endsWith('npm-cli.js') ? [process.execPath, caller] : ['npm']
  // No package of ours needs an install script, and none gets the chance to run one.
  const flags = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  const done = spawnSync(npm[0], [...npm.slice(1), ...flags], { cwd: ROOT, encoding: 'utf8', maxBuffer: 2 ** 26 })
  if (done.status === 0) return
  process.stderr.write(`${done.stdout || ''}${done.stderr || ''}`)
  const how = done.error ? done.error.message : `ended with ${done.status === null ? done.signal : done.status}`
  fail(`Cannot install the packages: \`npm ci --ignore-scripts\` ${how}. Is the npm registry reachable?`)
}

function runUnderPinnedNode(script, args) {
  const node = pinnedNode()
  const path = [join(MODULES, '.bin'), process.env.PATH].join(delimiter)
  become(node, [join(ROOT, script), ...args], {
    ...process.env,
    // A Node chosen by hand comes before the pinned one for what the script starts, too.
    PATH: process.env.TIDEGATE_NODE ? [dirname(node), path].join(delimiter) : path,
  })
}

function pinnedNode() {
  if (process.env.TIDEGATE_NODE) return process.env.TIDEGATE_NODE
  const pinned = join(MODULES, `node-${process.platform}-${process.arch}`, 'bin', 'node')
  if (existsSync(pinned)) return pinned
  if (Number(process.versions.node.split('.')[0]) >= NODE_MAJOR_MIN) return process.execPath
  return fail(
    `Node.js ${NODE_MAJOR_MIN} or newer is needed; this is ${process.version}, and npm has no pinned one for ` +
      `${process.platform}-${process.arch} (or was told to leave optional packages out).`,
  )
}

function fail(sentence) {
  process.stderr.write(`${sentence}\n`)
  process.exit(1)
}
