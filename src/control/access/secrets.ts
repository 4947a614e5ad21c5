/** Random secrets, of which only the SHA-256 is kept: 256 bits need no slow hash. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'

const SECRET_BYTES = 32
/** What `newSecret` looks like. */
export const SECRET_PATTERN = '[A-Za-z0-9_-]{43}'

export function newSecret(): string {
  return randomBytes(SECRET_BYTES).toString('base64url')
}

/** As hex. */
export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/** In a time that tells nothing of either. */
export function isSame(text: string, hash: string): boolean {
  return timingSafeEqual(Buffer.from(sha256(text)), Buffer.from(hash))
}
