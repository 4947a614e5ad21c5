/** The part of contract.ts about users, sessions, tokens and the audit log; import it from there. */
import { z } from 'zod'

export const ACCESS_PATHS = {
  /** GET answers a SessionAnswer, POST takes a LoginRequest, DELETE logs out. */
  session: '/api/v1/session',
  /** POST takes a SetUpRequest: the first admin. */
  setUp: '/api/v1/setup',
  /** POST: another link, while there is no user. */
  setUpLink: '/api/v1/setup-link',
  /** GET answers a SessionsAnswer, DELETE ends all of them. */
  ownSessions: '/api/v1/account/sessions',
  ownSession: '/api/v1/account/sessions/:id',
  ownPassword: '/api/v1/account/password',
  secondFactor: '/api/v1/account/second-factor',
  users: '/api/v1/users',
  user: '/api/v1/users/:name',
  tokens: '/api/v1/tokens',
  token: '/api/v1/tokens/:id',
  audit: '/api/v1/audit',
} as const

export function userPath(name: string): string {
  return `${ACCESS_PATHS.users}/${encodeURIComponent(name)}`
}

export function tokenPath(id: string): string {
  return `${ACCESS_PATHS.tokens}/${encodeURIComponent(id)}`
}

/** Each may do what those before it may. */
export const ROLE_WORDS = ['viewer', 'operator', 'admin'] as const
const Role = z.enum(ROLE_WORDS, `expected ${ROLE_WORDS.join(', ')}`)
export type RoleWord = z.infer<typeof Role>

/** What may be sent; what makes a good one is said in the answer. */
const Name = z.string().max(64, 'expected at most 64 characters')
const Password = z.string().max(1024, 'expected at most 1024 characters')
const Code = z.string().max(40, 'expected at most 40 characters')
/** Attackers choose what text looks like; nothing of it moves a cursor or turns the direction of writing. */
const PlainText = z.string().regex(/^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]*$/u, 'expected text without control characters')

/** No body, or an empty object. */
export const Nobody = z.strictObject({}).nullish()

export const SessionAnswer = z.object({
  /** Null: nobody is logged in. */
  identity: z
    .object({
      who: z.string(),
      kind: z.enum(['user', 'token', 'local']),
      role: Role,
      /** What a token is for; without it the whole node. */
      services: z.array(z.string()).optional(),
    })
    .nullable(),
  /** There is no user yet: the set-up link in the log makes the first. */
  setUpNeeded: z.boolean(),
  /** Of a user: whether they have a second factor, and how many recovery codes are left. */
  recoveryCodesLeft: z.number().nullable(),
})
export type SessionAnswer = z.infer<typeof SessionAnswer>

export const LoginRequest = z.strictObject({ name: Name, password: Password, code: Code.optional() })
export type LoginRequest = z.infer<typeof LoginRequest>

export const SetUpRequest = z.strictObject({ secret: z.string().max(100), name: Name, password: Password })
export type SetUpRequest = z.infer<typeof SetUpRequest>

/** `#/setup/SECRET` behind the dashboard's address is the link. */
export const SetUpLinkAnswer = z.object({ secret: z.string(), until: z.iso.datetime() })
export type SetUpLinkAnswer = z.infer<typeof SetUpLinkAnswer>

export const SessionsAnswer = z.object({
  sessions: z.array(
    z.object({
      id: z.string(),
      isThis: z.boolean(),
      from: z.string(),
      since: z.iso.datetime(),
      lastSeen: z.iso.datetime(),
    }),
  ),
})
export type SessionsAnswer = z.infer<typeof SessionsAnswer>

export const PasswordChangeRequest = z.strictObject({ from: Password, to: Password })
export type PasswordChangeRequest = z.infer<typeof PasswordChangeRequest>

export const SecondFactorRequest = z.strictObject({ password: Password })
/** `uri` is what the QR code says. Nothing has changed until a code confirms it. */
export const SecondFactorAnswer = z.object({ secret: z.string(), uri: z.string() })
export type SecondFactorAnswer = z.infer<typeof SecondFactorAnswer>
export const SecondFactorCodeRequest = z.strictObject({ code: Code })
/** Told once. */
export const RecoveryCodesAnswer = z.object({ recoveryCodes: z.array(z.string()) })
export type RecoveryCodesAnswer = z.infer<typeof RecoveryCodesAnswer>

export const UserView = z.object({
  name: z.string(),
  role: Role,
  disabled: z.boolean(),
  secondFactor: z.boolean(),
  since: z.iso.datetime(),
  lastLogin: z.iso.datetime().nullable(),
})
export type UserView = z.infer<typeof UserView>
export const UsersAnswer = z.object({ users: z.array(UserView) })
export type UsersAnswer = z.infer<typeof UsersAnswer>
export const NewUserRequest = z.strictObject({ name: Name, password: Password, role: Role })
export type NewUserRequest = z.infer<typeof NewUserRequest>
export const UserChangeRequest = z
  .strictObject({
    role: Role.optional(),
    disabled: z.boolean().optional(),
    password: Password.optional(),
    /** Only `false` can be said of somebody else's. */
    secondFactor: z.literal(false).optional(),
  })
  .refine((change) => Object.keys(change).length > 0, 'expected one of role, disabled, password, secondFactor')
export type UserChangeRequest = z.infer<typeof UserChangeRequest>

export const TOKEN_TTL_MS_MAX = 3650 * 86_400_000
export const TokenView = z.object({
  id: z.string(),
  name: z.string(),
  role: Role,
  /** Null: the whole node. */
  services: z.array(z.string()).nullable(),
  since: z.iso.datetime(),
  /** Null: for good. */
  until: z.iso.datetime().nullable(),
  lastUsed: z.iso.datetime().nullable(),
  by: z.string(),
})
export type TokenView = z.infer<typeof TokenView>
export const TokensAnswer = z.object({ tokens: z.array(TokenView) })
export type TokensAnswer = z.infer<typeof TokensAnswer>
export const NewTokenRequest = z.strictObject({
  name: PlainText.min(1, 'expected a name').max(64, 'expected at most 64 characters'),
  role: Role,
  services: z.array(z.string().max(100)).min(1, 'expected a service, or no list at all').max(100).optional(),
  /** Without it for good. */
  ttlMs: z.int('expected milliseconds').min(1_000).max(TOKEN_TTL_MS_MAX).optional(),
})
export type NewTokenRequest = z.infer<typeof NewTokenRequest>
/** `secret` is told once. */
export const NewTokenAnswer = z.object({ token: TokenView, secret: z.string() })
export type NewTokenAnswer = z.infer<typeof NewTokenAnswer>

export const AUDIT_LISTED_DEFAULT = 100
export const AUDIT_LISTED_MAX = 1_000
export const AuditAnswer = z.object({
  /** The newest first. */
  entries: z.array(
    z.object({
      id: z.number(),
      at: z.iso.datetime(),
      who: z.string(),
      from: z.string(),
      action: z.string(),
      target: z.string(),
      /** Text, or what else the action says. */
      details: z.unknown(),
      /** `done`, or what was answered instead. */
      result: z.string(),
    }),
  ),
  /** For `?before=`; null on the last page. */
  next: z.number().nullable(),
})
export type AuditAnswer = z.infer<typeof AuditAnswer>
