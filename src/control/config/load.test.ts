import assert from 'node:assert/strict'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import { loadConfig, parseConfig } from './load.ts'
import { ConfigError } from './problem.ts'
import { CONFIG_FILE_BYTES_MAX } from './read-config-file.ts'

const SERVICE = '{ name: a, mode: raw, listen: ["*:443"], upstreams: [203.0.113.1:443] }'
const MINIMAL = `services: [${SERVICE}]\n`

async function errorsOfFile(path: string): Promise<ConfigError> {
  try {
    await loadConfig(path, {})
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error))
    return error
  }
  throw new assert.AssertionError({ message: 'no error' })
}

describe('the file', () => {
  let folder = ''
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tidegate-config-'))
  })
  after(() => rm(folder, { recursive: true }))

  async function fileWith(content: string | Uint8Array): Promise<string> {
    const path = join(folder, `${Math.random()}.yaml`)
    await writeFile(path, content)
    return path
  }

  test('is read', async () => {
    const config = await loadConfig(await fileWith(MINIMAL), {})
    assert.equal(config.services[0].name, 'a')
  })

  test('may begin with a byte order mark and end its lines as Windows does', async () => {
    const path = await fileWith(`\ufeffservices:\r\n  - ${SERVICE}\r\n  - { name: b }\r\n`)
    const { problems } = await errorsOfFile(path)
    assert.deepEqual(
      problems.map(({ line, column }) => [line, column]),
      [
        [3, 5],
        [3, 5],
      ],
    )
  })

  test('that is missing is one error, without a line', async () => {
    const path = join(folder, 'none.yaml')
    const error = await errorsOfFile(path)
    assert.equal(error.format(), `${path}: there is no such file [E_CONFIG_FILE]`)
  })

  test('that is a folder is an error', async () => {
    assert.match((await errorsOfFile(folder)).format(), /this is a folder/)
  })

  test('below a file is an error', async () => {
    assert.match((await errorsOfFile(join(await fileWith(''), 'x.yaml'))).format(), /is not a folder/)
  })

  test(
    'that may not be read is an error',
    { skip: process.getuid?.() === 0 ? 'root may read everything' : false },
    async () => {
      const path = await fileWith(MINIMAL)
      await chmod(path, 0)
      assert.match((await errorsOfFile(path)).format(), /this user may not read the file/)
    },
  )

  test('without content is an error', async () => {
    for (const content of ['', '\n\n', '# a comment\n', '---\n', '---\n...\n', '~\n']) {
      assert.deepEqual(
        (await errorsOfFile(await fileWith(content))).problems.map(({ code }) => code),
        ['E_CONFIG_EMPTY'],
        JSON.stringify(content),
      )
    }
  })

  test('of exactly the largest size is read, one byte more is an error', async () => {
    const padded = (bytes: number): string => `${MINIMAL}#${' '.repeat(bytes - MINIMAL.length - 1)}`
    await loadConfig(await fileWith(padded(CONFIG_FILE_BYTES_MAX)), {})
    assert.match((await errorsOfFile(await fileWith(padded(CONFIG_FILE_BYTES_MAX + 1)))).format(), /larger than 1MiB/)
  })

  test('without an end is an error, not a wait', async () => {
    assert.match((await errorsOfFile('/dev/zero')).format(), /larger than 1MiB/)
  })

  test('in another encoding is an error', async () => {
    const utf16 = Buffer.from(`\ufeff${MINIMAL}`, 'utf16le')
    assert.match((await errorsOfFile(await fileWith(utf16))).format(), /UTF-16 text; save it as UTF-8/)
    assert.match((await errorsOfFile(await fileWith(Buffer.from([0x61, 0xff])))).format(), /not UTF-8 text/)
  })
})

describe('what aliases repeat', () => {
  const problemsOf = (text: string): ConfigError => {
    try {
      parseConfig(text, 't', {})
    } catch (error) {
      return error as ConfigError
    }
    throw new assert.AssertionError({ message: 'no error' })
  }

  test('is read as if it stood there', () => {
    const config = parseConfig(
      `services:
        - &first
          name: a
          mode: raw
          listen: ["*:1"]
          upstreams: &up [203.0.113.1:443]
          socket: { keepAlive: 30s }
        - { <<: *first, name: b, listen: ["*:2"] }
        - { name: c, mode: raw, listen: ["*:3"], upstreams: *up }`,
      't',
      {},
    )
    const [, b, c] = config.services
    assert.deepEqual([b.name, b.listen[0].text, b.clientSocket.keepAliveMs], ['b', '*:2', 30_000])
    assert.equal(c.upstreams[0].text, '203.0.113.1:443')
  })

  for (const [kind, line] of [
    ['lists', (i: number) => `[${Array(10).fill(`*a${i}`).join(',')}]`],
    ['merges', (i: number) => `{ k${i}: 1, <<: [${Array(10).fill(`*a${i}`).join(',')}] }`],
  ] as const) {
    test(`cannot blow ${kind} up`, () => {
      const bomb = Array.from({ length: 40 }, (_, i) => `a${i + 1}: &a${i + 1} ${line(i)}`)
      const startedMs = performance.now()
      const error = problemsOf(`a0: &a0 { x: 1 }\n${bomb.join('\n')}\nservices: [*a40]\n`)
      assert.ok(error instanceof ConfigError)
      assert.ok(performance.now() - startedMs < 5_000)
    })
  }

  test('has a limit that is named', () => {
    const many = Array.from({ length: 6 }, (_, i) => `a${i + 1}: &a${i + 1} [${Array(10).fill(`*a${i}`).join(',')}]`)
    const error = problemsOf(`a0: &a0 1\n${many.join('\n')}\n`)
    assert.equal(error.problems.filter(({ code }) => code === 'E_CONFIG_ALIAS').length, 1)
    assert.match(error.format(), /repeats too much: aliases may expand to 100000 values/)
  })
})

test('nesting without end is one error', () => {
  for (const text of ['['.repeat(100_000), '{a: '.repeat(50_000), '- '.repeat(50_000)]) {
    assert.throws(
      () => parseConfig(text, 't', {}),
      (error: unknown) => {
        assert.ok(error instanceof ConfigError)
        assert.equal(error.format(), 't:1:1: is nested too deeply to read [E_CONFIG_SYNTAX]')
        return true
      },
    )
  }
})

test('keys that objects have by birth are keys like others', () => {
  const text = `{ __proto__: { admin: {} }, constructor: 1, toString: 2, ${MINIMAL.trim()} }`
  assert.throws(
    () => parseConfig(text, 't', {}),
    (error: unknown) => {
      assert.ok(error instanceof ConfigError)
      assert.deepEqual(
        error.problems.map(({ code, key }) => [code, key]),
        [
          ['E_CONFIG_UNKNOWN_KEY', '__proto__'],
          ['E_CONFIG_UNKNOWN_KEY', 'constructor'],
          ['E_CONFIG_UNKNOWN_KEY', 'toString'],
        ],
      )
      return true
    },
  )
})

test('a thousand services are read in a moment', () => {
  const services = Array.from(
    { length: 1000 },
    (_, i) => `  - { name: s${i}, mode: raw, listen: ["*:${i + 1}"], upstreams: [127.0.0.1:${i + 2}] }`,
  )
  const startedMs = performance.now()
  assert.equal(parseConfig(`services:\n${services.join('\n')}\n`, 't', {}).services.length, 1000)
  assert.ok(performance.now() - startedMs < 10_000)
})

/** Pieces that a real file is made of, and what tends to be mistyped. */
const PIECES = [
  'services:\n', '  - ', 'name: a\n', '    mode: raw\n', '    listen: ["*:1"]\n', '    upstreams: [203.0.113.1:443]\n',
  'admin: ', '{ ', '}', '[', ']', ', ', ': ', '"', "'", '&a ', '*a', '<<: ', '!!str ', '? ', '|\n', '>\n', '\t', '\n',
  '---\n', '...\n', '#', '${A}', '${', '$${', '~', 'null', '%YAML 1.1\n', '\u0000', '\ufeff', '0x10', '.inf', '- - - ',
] // prettier-ignore

test('any text is a configuration or a ConfigError whose places are in the text', () => {
  const text = fc.oneof(
    fc.array(fc.constantFrom(...PIECES), { maxLength: 40 }).map((pieces) => pieces.join('')),
    fc.tuple(fc.nat(), fc.nat(), fc.constantFrom(...PIECES)).map(([at, length, piece]) => {
      const start = at % MINIMAL.length
      return MINIMAL.slice(0, start) + piece + MINIMAL.slice(start + (length % 8))
    }),
    fc.string({ unit: 'binary', maxLength: 200 }),
  )
  fc.assert(
    fc.property(text, (yaml) => {
      try {
        parseConfig(yaml, 't.yaml', { A: 'x' })
      } catch (error) {
        assert.ok(error instanceof ConfigError, String((error as Error).stack))
        assert.ok(error.problems.length > 0)
        const lines = yaml.split(/\r\n|\r|\n/).length
        for (const { line, column, message } of error.problems) {
          assert.ok(line >= 1 && line <= lines && column >= 1, `${line}:${column} of ${lines}: ${message}`)
        }
        // One line for each, whatever the values hold.
        assert.equal(error.format().split('\n').length, error.problems.length)
      }
    }),
    { numRuns: 2_000 },
  )
})
