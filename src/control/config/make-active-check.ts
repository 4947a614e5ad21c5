/** Gives the parsed keys of a check the shape that the rest of the program works with. */
import type { ActiveCheckConfig } from './active-check.ts'
import type { ParsedActiveCheck } from './active-check-schema.ts'
import { caPath, readCaFile } from './read-ca-file.ts'

/** `configFile` is where a relative path of `tls.ca` begins. */
export function makeActiveCheck(check: ParsedActiveCheck, configFile: string): ActiveCheckConfig {
  const { tls, attempts } = check
  const caFile = tls.ca === undefined ? undefined : caPath(tls.ca, configFile)
  const ca = caFile === undefined ? undefined : readCaFile(caFile)
  return {
    type: check.type,
    url: check.url,
    method: check.method,
    headers: check.headers,
    body: check.body,
    timeoutMs: check.timeout,
    expectStatus: check.expectStatus,
    expectBody: check.expectBody,
    tls: {
      verify: tls.verify,
      caFile,
      // What is wrong with the file is for check-active-checks.ts to say.
      ca: ca?.ok === true ? ca.value : undefined,
      serverName: tls.serverName,
    },
    sendProxy: check.sendProxy,
    attempts: { successes: attempts.successes, failures: attempts.failures, delayMs: attempts.delay },
    intervalMs: check.interval,
    jitterPart: check.jitter,
  }
}
