import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { header, mmdb, mmdbOf, nodeBytes, pointer } from '../../../test/harness/mmdb.ts'
import { MmdbError, NOT_FOUND } from './mmdb-data.ts'
import { MmdbFile } from './mmdb-file.ts'

const text = (value: string): Buffer => Buffer.concat([header(2, value.length), Buffer.from(value)])
const map = (...entries: Buffer[]): Buffer => Buffer.concat([header(7, entries.length / 2), ...entries])

/** A file whose only record has this data. */
function fileWith(data: Buffer): MmdbFile {
  return new MmdbFile(mmdbOf([nodeBytes(1 + 16, 1, 24)], data))
}

describe('an MMDB file', () => {
  test('says what it is', () => {
    const file = new MmdbFile(mmdb({ '192.0.2.0/24': 'x' }, { type: 'GeoLite2-Country', builtAtMs: 1_700_000_000_000 }))
    assert.deepEqual([file.type, file.builtAtMs, file.ipVersion], ['GeoLite2-Country', 1_700_000_000_000, 6])
    assert.equal(file.nodeCount, 120)
  })

  for (const recordBits of [24, 28, 32] as const) {
    test(`has records of ${recordBits} bits`, () => {
      const [left, right] = [0xabcdef, 2 ** recordBits - 2]
      const file = new MmdbFile(mmdbOf([nodeBytes(left, right, recordBits)], Buffer.alloc(8), { recordBits }))
      assert.deepEqual([file.record(0, 0), file.record(0, 1)], [left, right])
    })
  }

  const wrong = {
    'is no MaxMind DB file': Buffer.from('<html>404</html>'),
    'has version 3 of the MaxMind DB format': mmdbOf([nodeBytes(1, 1, 24)], Buffer.alloc(8), {
      metadata: { binary_format_major_version: 3 },
    }),
    'has records of 20 bits': mmdbOf([nodeBytes(1, 1, 24)], Buffer.alloc(8), { metadata: { record_size: 20 } }),
    'is for IP version 5': mmdbOf([nodeBytes(1, 1, 24)], Buffer.alloc(8), { metadata: { ip_version: 5 } }),
    'is damaged: its tree does not fit into it': mmdbOf([nodeBytes(1, 1, 24)], Buffer.alloc(8), {
      metadata: { node_count: 4_000_000_000 },
    }),
    'is damaged: it does not say its node_count': mmdbOf([nodeBytes(1, 1, 24)], Buffer.alloc(8), {
      metadata: { node_count: 'many' },
    }),
    'is damaged: it was built at no time': mmdbOf([nodeBytes(1, 1, 24)], Buffer.alloc(8), {
      metadata: { build_epoch: 2n ** 47n },
    }),
  }
  for (const [says, bytes] of Object.entries(wrong)) {
    test(`${says}, where that is so`, () => {
      assert.throws(
        () => new MmdbFile(bytes),
        (error) => error instanceof MmdbError && error.message.startsWith(says),
      )
    })
  }
})

describe('data of an MMDB file', () => {
  test('a value is found by its key, behind pointers, beside values of every kind', () => {
    const data = Buffer.concat([
      text('country'),
      map(text('iso_code'), text('DE')),
      map(
        text('array'),
        Buffer.concat([header(11, 2), text('x'), map(text('y'), text('z'))]),
        text('yes'),
        header(14, 1),
        text('double'),
        Buffer.concat([header(3, 8), Buffer.alloc(8)]),
        text('float'),
        Buffer.concat([header(15, 4), Buffer.alloc(4)]),
        text('long'),
        Buffer.concat([header(2, 300), Buffer.alloc(300, 'x')]),
        text('negative'),
        Buffer.concat([header(8, 4), Buffer.alloc(4, 255)]),
        pointer(0),
        pointer(8),
        text('asn'),
        Buffer.concat([header(6, 4), Buffer.alloc(4, 255)]),
      ),
    ])
    const { data: found } = fileWith(data)
    const record = found.start + 8 + 1 + 9 + 3
    assert.equal(found.text(found.find(found.find(record, 'country'), 'iso_code'), 2), 'DE')
    assert.equal(found.uint(found.find(record, 'asn')), 2 ** 32 - 1)
    assert.equal(found.find(record, 'nowhere'), NOT_FOUND)
    assert.equal(found.find(found.find(record, 'asn'), 'x'), NOT_FOUND)
    assert.equal(found.text(found.find(record, 'long'), 299), undefined)
    assert.equal(found.text(found.find(record, 'long'), 300)?.length, 300)
    assert.equal(found.uint(found.find(record, 'negative')), undefined)
  })

  test('far pointers of each size point where they say', () => {
    for (const at of [0, 2047, 2048, 526_335, 526_336, 800_000]) {
      const target = Buffer.concat([Buffer.alloc(at), text('here')])
      const { data } = fileWith(Buffer.concat([target, map(text('key'), pointer(at))]))
      assert.equal(data.text(data.find(data.start + target.length, 'key'), 10), 'here', String(at))
    }
  })

  const damaged = {
    'a value goes on after the end': Buffer.concat([header(7, 1), header(2, 200), Buffer.from('short')]),
    'a value is outside of the data': Buffer.concat([header(7, 1), pointer(1_000_000)]),
    'a pointer points to a pointer': Buffer.concat([pointer(2), pointer(0)]),
    'a key is not text': map(header(14, 1), text('x')),
    'there is no type 12': map(text('a'), Buffer.from([0x00, 5])),
  }
  for (const [says, bytes] of Object.entries(damaged)) {
    test(`${says}: an error`, () => {
      const { data } = fileWith(bytes)
      assert.throws(() => data.find(data.start, 'country'), new MmdbError(`is damaged: ${says}`))
    })
  }

  test('pointers that fan out are not followed', () => {
    // Each map has two pointers to the one before: whole values would be 2^60 maps.
    const parts = [map(text('a'), text('b'))]
    const starts = [0]
    for (let size = parts[0].length; parts.length < 60; size += parts.at(-1)!.length) {
      starts.push(size)
      parts.push(map(text('a'), pointer(starts.at(-2)!), text('b'), pointer(starts.at(-2)!)))
    }
    const { data } = fileWith(Buffer.concat(parts))
    assert.equal(data.find(data.start + starts.at(-1)!, 'country'), NOT_FOUND)
  })

  test('a map that claims millions of entries ends at the end of the data', () => {
    const { data } = fileWith(Buffer.concat([Buffer.from([0xff, 0xff, 0xff, 0xff]), Buffer.alloc(100, 0x40)]))
    assert.throws(() => data.find(data.start, 'country'), MmdbError)
  })
})
