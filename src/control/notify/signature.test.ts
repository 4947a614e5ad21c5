import assert from 'node:assert/strict'
import { test } from 'node:test'
import { signed } from './signature.ts'

const ID = 'msg_p5jXN8AQM9LWM0D4loKWxJek'
const BODY = '{"test": 2432232314}'
const AT_MS = 1_614_265_330_999

// Both were made by `openssl dgst -sha256 -mac HMAC`; the first is the example of the Standard Webhooks libraries.
test('a base64 secret signs as in Standard Webhooks', () => {
  assert.deepEqual(signed('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', ID, AT_MS, BODY), {
    'webhook-id': ID,
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  })
})

test('any other secret is its own bytes', () => {
  const { 'webhook-signature': signature } = signed('correct horse battery staple', ID, AT_MS, BODY)
  assert.equal(signature, 'v1,VxbeDT0HjM9kDkIblWBl5Evw8xFY59bHtgKqUiDSHuo=')
})

test('another body, id, time or secret has another signature', () => {
  const signatures = [
    signed('correct horse battery staple', ID, AT_MS, BODY),
    signed('correct horse battery staple', ID, AT_MS, `${BODY} `),
    signed('correct horse battery staple', 'msg_1', AT_MS, BODY),
    signed('correct horse battery staple', ID, AT_MS + 1_000, BODY),
    signed('correct horse battery stable', ID, AT_MS, BODY),
  ].map((headers) => headers['webhook-signature'])
  assert.equal(new Set(signatures).size, 5)
})
