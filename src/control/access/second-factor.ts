/**
 * The second factor: codes of six digits from an app [RFC 6238], and recovery codes for who has lost it. Of a user the
 * store keeps one text: the secret, and the SHA-256 of each recovery code that is left.
 */
import { randomInt } from 'node:crypto'
import type { TOTP } from 'otpauth'
import { sha256 } from './secrets.ts'

const ISSUER = 'Tidegate'
const PERIOD_S = 30
/** Clocks differ by some seconds: the code before and the one after do, too. */
const STEPS_AROUND = 1
export const RECOVERY_CODES = 10
/** Without those that look like others. 16 of them have 79 bits. */
const ALPHABET = 'abcdefghjkmnpqrstuvwxyz23456789'
const RECOVERY_CHARACTERS = 16

export interface SecondFactor {
  /** Base32. */
  readonly secret: string
  readonly recoveryHashes: readonly string[]
}

export async function newTotpSecret(): Promise<string> {
  const { Secret } = await otpauth()
  return new Secret({ size: 20 }).base32
}

/** What the QR code says. */
export async function totpUri(secret: string, user: string): Promise<string> {
  return (await totpOf(secret, user)).toString()
}

/** The step that the code is of; undefined for a wrong one. Whether it was used before is for the store to say. */
export async function stepOf(secret: string, code: string, nowMs: number): Promise<number | undefined> {
  if (!/^\d{6}$/.test(code)) return undefined
  const totp = await totpOf(secret, '')
  const delta = totp.validate({ token: code, timestamp: nowMs, window: STEPS_AROUND })
  return delta === null ? undefined : Math.floor(nowMs / 1000 / PERIOD_S) + delta
}

/** `abcd-efgh-jkmn-pqrs`, shown once. */
export function newRecoveryCodes(): string[] {
  return Array.from({ length: RECOVERY_CODES }, () => {
    const characters = Array.from({ length: RECOVERY_CHARACTERS }, () => ALPHABET[randomInt(ALPHABET.length)]).join('')
    return characters.match(/.{4}/g)!.join('-')
  })
}

export function recoveryHash(code: string): string {
  return sha256(code.toLowerCase().replaceAll(/[^a-z0-9]/g, ''))
}

/** What is left after the code was used; undefined where it is none of them. */
export function withoutRecoveryCode(factor: SecondFactor, code: string): SecondFactor | undefined {
  const hash = recoveryHash(code)
  if (!factor.recoveryHashes.includes(hash)) return undefined
  return { ...factor, recoveryHashes: factor.recoveryHashes.filter((one) => one !== hash) }
}

export function readSecondFactor(text: string): SecondFactor {
  const [secret = '', ...recoveryHashes] = text.split(' ')
  return { secret, recoveryHashes }
}

export function secondFactorText({ secret, recoveryHashes }: SecondFactor): string {
  return [secret, ...recoveryHashes].join(' ')
}

async function totpOf(secret: string, user: string): Promise<TOTP> {
  const { Secret, TOTP } = await otpauth()
  return new TOTP({ issuer: ISSUER, label: user, period: PERIOD_S, digits: 6, secret: Secret.fromBase32(secret) })
}

/** A daemon without second factors does not load it. */
function otpauth(): Promise<typeof import('otpauth')> {
  return import('otpauth')
}
