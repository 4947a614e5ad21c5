import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseRights } from '../../kernel/proc-facts.ts'
import { parseConfig } from '../config/load.ts'
import { examineMachine, findingsFor, worstLevel } from './examine.ts'
import type { Facts, Settings } from './facts.ts'
import type { Finding, FindingId } from './finding.ts'
import { FINDING_IDS } from './finding.ts'

const SETTINGS: Settings = {
  somaxconn: 4096,
  synBacklogMax: 2048,
  synCookies: 1,
  synAckRetries: 3,
  timeWaitReuse: 2,
  portRange: [32768, 60999],
  reservedPorts: 0,
  unprivilegedPortStart: 1024,
  receiveBufferMax: 212992,
  sendBufferMax: 212992,
  receiveAutoMax: 6 * 2 ** 20,
  sendAutoMax: 4 * 2 ** 20,
  tcpMemoryPages: [100_000, 200_000, 300_000],
  pipeBytesMax: 2 ** 20,
  pipeUserPagesSoft: 16384,
  conntrackMax: undefined,
  conntrackCount: undefined,
  conntrackLoose: undefined,
}

const USER = parseRights('Uid:\t1000\t1000\t1000\t1000\nCapEff:\t0000000000000000\n')
const ROOT = parseRights('Uid:\t0\t0\t0\t0\nCapEff:\t000001ffffffffff\n')

const FACTS: Facts = {
  nodeVersion: '24.21.0',
  platform: 'linux',
  arch: 'x64',
  kernelRelease: '6.12.3',
  processors: 2,
  memoryBytes: 8 * 2 ** 30,
  container: undefined,
  ownAddresses: ['127.0.0.1', '192.0.2.5'],
  trials: { nativeCalls: undefined, epoll: undefined, splice: undefined, ioUring: undefined, pipeBytes: 512 * 1024 },
  fileLimit: { soft: 1024, hard: 524_288 },
  settings: SETTINGS,
  sockets: { inUse: 10, timeWait: 3, memoryPages: 5 },
  fullest: undefined,
  tcpCounters: new Map([['ListenOverflows', 0]]),
  rights: ROOT,
  databases: [],
  store: undefined,
  nftVersion: 'nftables v1.0.6',
}

function config(yaml: string) {
  return parseConfig(yaml, 'tidegate.yaml', {})
}

function service(lines: string, listen = '127.0.0.1:8443') {
  return config(
    `services:\n  - name: trading\n    listen: ["${listen}"]\n    mode: raw\n    upstreams: ["203.0.113.10:443"]\n${lines}`,
  )
}

function found(id: FindingId, facts: Partial<Facts>, configuration?: ReturnType<typeof config>): Finding | undefined {
  return findingsFor({ ...FACTS, ...facts }, configuration).find((finding) => finding.id === id)
}

const withSettings = (settings: Partial<Settings>): Partial<Facts> => ({ settings: { ...SETTINGS, ...settings } })

test('a machine as it should be has nothing to mend', () => {
  const findings = findingsFor(FACTS)
  assert.deepEqual(
    findings.filter(({ level }) => level !== 'ok'),
    [],
  )
  assert.equal(worstLevel(findings), 'ok')
})

test('this machine is examined without an error', async () => {
  const findings = await examineMachine()
  assert.ok(findings.length > 5)
})

test('findings come in the order of their list, each once', () => {
  const ids = findingsFor(FACTS).map(({ id }) => id)
  assert.deepEqual(
    ids,
    FINDING_IDS.filter((id) => ids.includes(id)),
  )
})

test('whatever is not ok says what to do, and every sentence ends as one', () => {
  const bad: Partial<Facts> = {
    ...withSettings({ somaxconn: 128, synBacklogMax: 128, synCookies: 0, portRange: [50_000, 60_999] }),
    nodeVersion: '20.20.2',
    kernelRelease: '4.4.0',
    container: 'Docker',
    trials: { nativeCalls: 'koffi is missing', epoll: 'untried', splice: 'untried', ioUring: 'untried', pipeBytes: 0 },
    fileLimit: { soft: 256, hard: 256 },
    tcpCounters: new Map([['ListenOverflows', 12]]),
    rights: USER,
  }
  const findings = findingsFor({ ...FACTS, ...bad })
  for (const { id, level, sentence, remedy } of findings) {
    assert.match(sentence, /^[A-Z0-9].*\.$/s, id)
    if (level !== 'ok') assert.ok(remedy, id)
  }
  assert.equal(worstLevel(findings), 'fail')
})

describe('engine', () => {
  const noNativeCalls = { trials: { ...FACTS.trials, nativeCalls: 'Cannot find the native Koffi module' } }
  const noSplice = { trials: { ...FACTS.trials, splice: 'splice to a pipe: EPERM' } }
  const asked = (engine: string) =>
    config(
      `traffic: { engine: ${engine} }\nservices: [{ name: a, listen: ["127.0.0.1:8443"], mode: raw, upstreams: ["203.0.113.10:443"] }]`,
    )

  test('is node where native calls do not work', () => {
    assert.equal(found('native-calls', noNativeCalls)?.level, 'warn')
    assert.match(found('engine', noNativeCalls)?.sentence ?? '', /^The node engine carries traffic/)
  })
  test('fails where the configuration insists on linux and native calls do not work', () => {
    assert.equal(found('engine', noNativeCalls, asked('linux'))?.level, 'fail')
    assert.equal(found('engine', {}, asked('linux'))?.level, 'ok')
  })
  test('a refused splice fails for the linux engine and is a warning for the node engine', () => {
    assert.equal(found('splice', noSplice)?.level, 'fail')
    assert.equal(found('splice', noSplice, asked('node'))?.level, 'warn')
  })
})

describe('pipes', () => {
  test('a small pipe-max-size is named', () => {
    const finding = found('pipe-size', {
      ...withSettings({ pipeBytesMax: 65536 }),
      trials: { ...FACTS.trials, pipeBytes: 65536 },
    })
    assert.equal(finding?.level, 'warn')
    assert.match(finding?.sentence ?? '', /hold 64KiB of the wanted 512KiB \(fs\.pipe-max-size is 64KiB\)/)
  })
  test('the limit on pipe pages counts for a user without rights only', () => {
    assert.equal(found('pipe-pages', {})?.level, 'ok')
    const finding = found('pipe-pages', { rights: USER })
    assert.equal(finding?.level, 'warn')
    // 16384 pages of 4 KiB are 128 pipes of 512 KiB.
    assert.match(finding?.sentence ?? '', /may have 128 pipes of full size/)
    assert.equal(found('pipe-pages', { rights: USER, ...withSettings({ pipeUserPagesSoft: 0 }) })?.level, 'ok')
  })
})

describe('open files', () => {
  test('the ceiling follows from the hard limit, to which run raises the soft one', () => {
    const finding = found('open-files', {})
    assert.equal(finding?.level, 'ok')
    assert.match(
      finding?.sentence ?? '',
      /^524,288 open files \(now 1,024, raised at start\): a ceiling of \d{3},\d{3} connections/,
    )
  })
  test('a small limit is warned of, and one without room for a connection fails', () => {
    assert.equal(found('open-files', { fileLimit: { soft: 4096, hard: 4096 } })?.level, 'warn')
    assert.equal(found('open-files', { fileLimit: { soft: 64, hard: 64 } })?.level, 'fail')
  })
  test('maxConnections above what the limit allows is warned of', () => {
    const asked = config(
      'traffic: { maxConnections: 100000 }\nservices: [{ name: a, listen: ["127.0.0.1:8443"], mode: raw, upstreams: ["203.0.113.10:443"] }]',
    )
    assert.equal(found('open-files', { fileLimit: { soft: 65536, hard: 65536 } }, asked)?.level, 'warn')
  })
})

describe('queues', () => {
  test('a short accept queue, a short SYN queue and no cookies are warned of', () => {
    assert.equal(found('accept-queue', withSettings({ somaxconn: 128 }))?.level, 'warn')
    assert.equal(found('syn-queue', withSettings({ synBacklogMax: 256 }))?.level, 'warn')
    assert.equal(found('syn-cookies', withSettings({ synCookies: 0 }))?.level, 'warn')
    assert.equal(found('syn-cookies', withSettings({ synCookies: 2 }))?.level, 'warn')
  })
  test('queues that were full are counted', () => {
    const finding = found('queue-overflows', {
      tcpCounters: new Map([
        ['ListenOverflows', 1234],
        ['TCPReqQFullDoCookies', 5],
      ]),
    })
    assert.equal(finding?.level, 'warn')
    assert.match(finding?.sentence ?? '', /1,234 times.* 5 times/)
  })
  test('conntrack is warned of when nearly full, or too small for the ceiling; not where no rule uses it', () => {
    const limit = { fileLimit: { soft: 65536, hard: 65536 } }
    const used = (conntrackCount: number, conntrackMax: number) =>
      found('conntrack', { ...limit, ...withSettings({ conntrackCount, conntrackMax }) })?.level
    assert.equal(used(80_000, 100_000), 'warn')
    assert.equal(used(1000, 100_000), 'ok')
    assert.equal(used(1000, 20_000), 'warn')
    assert.equal(used(0, 1000), 'ok')
    assert.equal(found('conntrack', {}), undefined)
  })
})

describe('local ports', () => {
  test('the default range says what it gives, and how to get more', () => {
    const finding = found('local-ports', {})
    assert.match(finding?.sentence ?? '', /28,232 connections at a time .* about 470 new a second/)
    assert.match(finding?.remedy ?? '', /sourceAddresses.*ip_local_port_range.*tcp_tw_reuse/)
  })
  test('what is done already is not advised again', () => {
    const finding = found(
      'local-ports',
      withSettings({ portRange: [1024, 65535], timeWaitReuse: 1, reservedPorts: 12 }),
    )
    assert.match(finding?.sentence ?? '', /64,500 connections .* used again/)
    assert.doesNotMatch(finding?.remedy ?? '', /sysctl/)
  })
  test('a destination that holds most of the range is warned of', () => {
    const full = { fullest: { destination: '203.0.113.10:443', ports: 24_000, timeWait: 20_000 } }
    const finding = found('local-ports-used', full)
    assert.equal(finding?.level, 'warn')
    assert.match(
      finding?.sentence ?? '',
      /203\.0\.113\.10:443 holds 24,000 local ports, 20,000 of them in TIME_WAIT: 85 %/,
    )
  })
  test('a source address that this machine does not have is named', () => {
    const asked = service('    sourceAddresses: ["192.0.2.5", "192.0.2.6"]\n')
    const finding = found('source-addresses', {}, asked)
    assert.equal(finding?.level, 'warn')
    assert.match(finding?.sentence ?? '', /192\.0\.2\.6/)
    assert.equal(found('source-addresses', { ownAddresses: ['192.0.2.5', '192.0.2.6'] }, asked)?.level, 'ok')
  })
})

describe('low ports', () => {
  test('fail for a user without the right when the configuration listens on one', () => {
    const finding = found('low-ports', { rights: USER }, service('', '0.0.0.0:443'))
    assert.equal(finding?.level, 'fail')
    assert.match(finding?.sentence ?? '', /0\.0\.0\.0:443/)
  })
  test('pass with the right, with a lower line, and for higher ports', () => {
    assert.equal(found('low-ports', {}, service('', '0.0.0.0:443'))?.level, 'ok')
    const lowered = { rights: USER, ...withSettings({ unprivilegedPortStart: 443 }) }
    assert.equal(found('low-ports', lowered, service('', '0.0.0.0:443'))?.level, 'ok')
    assert.equal(found('low-ports', { rights: USER }, service(''))?.level, 'ok')
  })
})

test('a buffer that the kernel would cut is named with its service', () => {
  const finding = found('buffers', {}, service('    socket: { receiveBuffer: 1MiB }\n'))
  assert.equal(finding?.level, 'warn')
  assert.match(finding?.sentence ?? '', /trading sets receiveBuffer: 1MiB.*net\.core\.rmem_max, 208KiB/)
})

test('TCP memory that is nearly used up is warned of', () => {
  assert.equal(found('tcp-memory', { sockets: { inUse: 1, timeWait: 0, memoryPages: 250_000 } })?.level, 'warn')
})

describe('the kernel as a shield', () => {
  test('SYN cookies are told of once some were sent', () => {
    const counters = [
      ['SyncookiesSent', 1200],
      ['SyncookiesRecv', 1000],
      ['SyncookiesFailed', 7],
    ] as const
    assert.equal(
      found('syn-cookies', { tcpCounters: new Map(counters) })?.sentence,
      'SYN cookies take over when a queue is full. Since this machine started 1,200 were sent and 1,000 came back; 7 answers were to no cookie of ours.',
    )
  })

  test('full queues are told apart from other drops, and all since the machine started', () => {
    const counters = [
      ['ListenOverflows', 5],
      ['ListenDrops', 8],
      ['TCPReqQFullDoCookies', 2],
      ['TCPReqQFullDrop', 1],
    ] as const
    const finding = found('queue-overflows', { tcpCounters: new Map(counters) })
    assert.equal(finding?.level, 'warn')
    assert.equal(
      finding.sentence,
      'Since this machine started, listeners met a full queue 5 times, and answered with SYN cookies 2 times; 1 handshakes were dropped for a full SYN queue, and 3 for other reasons.',
    )
  })

  test('many SYN-ACK retries keep places taken', () => {
    assert.equal(found('syn-ack-retries', withSettings({ synAckRetries: 5 }))?.level, 'ok')
    const finding = found('syn-ack-retries', withSettings({ synAckRetries: 8 }))
    assert.equal(finding?.level, 'warn')
    assert.match(finding.sentence, /511 s/)
  })

  test('connection tracking that takes up stray packets is named where a rule goes by it', () => {
    const loose = withSettings({ conntrackLoose: 1 })
    const withFirewall = (key: string) =>
      config(
        `protect: { firewall: { ${key}: true } }\nservices: [{ name: a, listen: ["127.0.0.1:1"], upstreams: ["203.0.113.1:1"] }]`,
      )
    assert.equal(found('conntrack-loose', loose), undefined)
    assert.equal(found('conntrack-loose', loose, withFirewall('keep')), undefined)
    assert.match(found('conntrack-loose', loose, withFirewall('synproxy'))?.sentence ?? '', /synproxy is left out/)
    assert.equal(found('conntrack-loose', loose, withFirewall('dropInvalid'))?.level, 'warn')
    const strict = withSettings({ conntrackLoose: 0 })
    assert.equal(found('conntrack-loose', strict, withFirewall('synproxy'))?.level, 'ok')
  })

  test('rights and the program for it', () => {
    assert.match(found('firewall-rights', { rights: USER })?.remedy ?? '', /CAP_NET_ADMIN/)
    assert.equal(found('firewall-program', { rights: USER }), undefined)
    assert.match(found('firewall-program', { nftVersion: undefined })?.remedy ?? '', /nftables/)
  })
})
