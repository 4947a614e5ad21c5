/** The Grafana dashboard and the alert rules in packaging/ use metrics and labels that there are, and promtool agrees with them. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { parse } from 'yaml'
import { type MetricDescription, METRICS } from '../src/metrics/metric-names.ts'
import { temporaryFolder } from './harness/config.ts'
import { ROOT } from './harness/started-program.ts'

const PROMETHEUS = join(ROOT, 'packaging', 'prometheus')

interface Rules {
  readonly groups: readonly {
    readonly rules: readonly { readonly alert: string; readonly expr: string; readonly annotations: object }[]
  }[]
}
interface Tests {
  readonly tests: readonly {
    readonly alert_rule_test: readonly { alertname: string; exp_alerts: readonly object[] }[]
  }[]
}
interface Dashboard {
  readonly panels: readonly {
    readonly id: number
    readonly type: string
    readonly title: string
    readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[]
  }[]
  readonly templating: { readonly list: readonly { readonly name: string; readonly definition?: string }[] }
  readonly annotations: { readonly list: readonly { readonly expr: string }[] }
}

const rules = (parse(readFileSync(join(PROMETHEUS, 'alerts.yaml'), 'utf8')) as Rules).groups.flatMap(
  ({ rules }) => rules,
)
const { tests } = parse(readFileSync(join(PROMETHEUS, 'alerts-test.yaml'), 'utf8')) as Tests
const dashboard = JSON.parse(readFileSync(join(ROOT, 'packaging', 'grafana', 'tidegate.json'), 'utf8')) as Dashboard
const queries = dashboard.panels.flatMap(({ title, targets = [] }) => targets.map((target) => ({ title, ...target })))
const expressions = [
  ...rules.map(({ alert, expr }) => ({ where: alert, expr })),
  ...queries.map(({ title, expr }) => ({ where: title, expr })),
  ...dashboard.annotations.list.map(({ expr }) => ({ where: 'annotations', expr })),
  ...dashboard.templating.list.map(({ name, definition = '' }) => ({ where: name, expr: definition })),
]

/** Those that Prometheus adds itself. */
const EVERYWHERE = new Set(['job', 'instance', 'le'])
const METRIC = /\b((?:tidegate|process)_\w+|up)\b(?:\{([^}]*)\})?/g

function metricOf(name: string): MetricDescription | undefined {
  const table: Readonly<Record<string, MetricDescription>> = METRICS
  const histogram = table[name.replace(/_(bucket|sum|count)$/, '')]
  return table[name] ?? (histogram?.type === 'histogram' ? histogram : undefined)
}

test('every metric, and every label it is asked by, is one of ours', () => {
  const wrong = expressions.flatMap(({ where, expr }) =>
    [...expr.matchAll(METRIC)].flatMap(([, name, selectors = '']) => {
      if (name === 'up') return []
      const metric = metricOf(name)
      if (metric === undefined) return [`${where}: there is no ${name}`]
      const labels = [...selectors.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*"/g)].map(([, label]) => label)
      const strange = labels.filter((label) => !metric.labels.includes(label) && !EVERYWHERE.has(label))
      return strange.map((label) => `${where}: ${name} has no label ${label}`)
    }),
  )
  assert.deepEqual(wrong, [])
})

test('counters are asked for as rates, and what is summed by, or shown, is a label', () => {
  const wrong = expressions.flatMap(({ where, expr }) => {
    const counters = [...expr.matchAll(METRIC)].filter(([, name]) => metricOf(name)?.type === 'counter')
    const bare = counters.filter(({ index }) => !/(?:rate|increase)\($/.test(expr.slice(0, index)))
    const known = new Set([...expr.matchAll(METRIC)].flatMap(([, name]) => metricOf(name)?.labels ?? []))
    const grouped = [...expr.matchAll(/\b(?:by|on) \(([^)]*)\)/g)].flatMap(([, labels]) => labels.split(/,\s*/))
    const strange = grouped.filter((label) => !known.has(label) && !EVERYWHERE.has(label))
    const names = bare.map(([, name]) => name).concat(strange.map((label) => `by ${label}`))
    return names.map((name) => `${where}: ${name}`)
  })
  assert.deepEqual(wrong, [])
})

test('the dashboard has a panel for all that docs/monitoring.md promises, each with an id of its own', () => {
  const ids = dashboard.panels.map(({ id }) => id)
  assert.equal(new Set(ids).size, ids.length)
  const asked = new Set(queries.flatMap(({ expr }) => [...expr.matchAll(METRIC)].map(([, name]) => name)))
  for (const name of [
    'tidegate_connections_open',
    'tidegate_connections_total',
    'tidegate_bytes_total',
    'tidegate_refused_total',
    'tidegate_upstream_up',
    'tidegate_attack_active',
    'tidegate_overload_level',
    'tidegate_worker_loop_busy_ratio',
  ])
    assert.ok(asked.has(name), name)
})

test('every alert has a test in which it fires, and one in which it does not, and stands in docs/monitoring.md', () => {
  const tried = tests.flatMap(({ alert_rule_test }) => alert_rule_test)
  const docs = readFileSync(join(ROOT, 'docs', 'monitoring.md'), 'utf8')
  const named = docs.split('\n').flatMap((line) => /^\| `(Tidegate\w+)`/.exec(line)?.[1] ?? [])
  const alerts = rules.map(({ alert }) => alert)
  assert.deepEqual(named.sort(), [...alerts].sort())
  for (const alert of alerts) {
    const counts = tried.filter(({ alertname }) => alertname === alert).map(({ exp_alerts }) => exp_alerts.length)
    assert.ok(counts.includes(0) && counts.some((count) => count > 0), alert)
  }
})

const PROMTOOL = process.env['PROMTOOL'] ?? 'promtool'
const hasPromtool = spawnSync(PROMTOOL, ['--version']).error === undefined
const skip = hasPromtool ? false : 'promtool is not here: apt-get install prometheus'

describe('promtool', { skip }, () => {
  function promtool(...args: string[]): void {
    const { status, stdout, stderr } = spawnSync(PROMTOOL, args, { cwd: PROMETHEUS, encoding: 'utf8', timeout: 60_000 })
    assert.equal(status, 0, `${stdout}${stderr}`)
  }

  test('takes the alert rules', () => promtool('check', 'rules', 'alerts.yaml'))

  test('sees each alert fire when it should, and not before', () => promtool('test', 'rules', 'alerts-test.yaml'))

  test('takes every query of the dashboard', () => {
    const rules = queries.map(({ expr }, i) => ({
      record: `query:${i}`,
      expr: expr.replaceAll('$__rate_interval', '1m').replaceAll(/\$\w+/g, '.*'),
    }))
    const file = join(temporaryFolder(), 'queries.json')
    writeFileSync(file, JSON.stringify({ groups: [{ name: 'dashboard', rules }] }))
    promtool('check', 'rules', file)
  })
})
