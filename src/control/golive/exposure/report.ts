/** What a vantage saw, as it is printed, saved and sent. */
import { z } from 'zod'

/**
 * `open`: it takes connections. `closed`: it refuses them, and so tells that it is there. `filtered`: no answer, or a
 * router's word that there is no way. `unknown`: it could not be tried from here, such as IPv6 where there is none.
 */
export const EXPOSURE_VERDICTS = ['open', 'closed', 'filtered', 'unknown'] as const
export type ExposureVerdict = (typeof EXPOSURE_VERDICTS)[number]

export const EXPOSURE_PORTS_MAX = 64
export const EXPOSURE_ADDRESSES_MAX = 8

/** As the dashboard, too, has this file, nothing of node is in it. */
const ip = z.union([z.ipv4(), z.ipv6()], 'is no IP address')

/** The body of POST /api/v1/exposure; whoever holds a token may have written it. */
export const ExposureReport = z.strictObject({
  version: z.literal(1),
  /** As asked: a name or an address. */
  host: z.string().min(1).max(253),
  /** When it began. */
  at: z.iso.datetime(),
  tookMs: z.number().min(0).max(3_600_000),
  /** Addresses of the vantage that it connected from; behind NAT not what the upstream saw. */
  from: z.array(ip).max(EXPOSURE_ADDRESSES_MAX),
  ports: z
    .array(
      z.strictObject({
        address: ip,
        port: z.number().int().min(1).max(65535),
        verdict: z.enum(EXPOSURE_VERDICTS),
        /** Until the verdict; for `filtered` how long was waited. */
        ms: z.number().min(0).max(600_000),
      }),
    )
    .min(1)
    .max(EXPOSURE_PORTS_MAX * EXPOSURE_ADDRESSES_MAX),
})
export type ExposureReport = z.infer<typeof ExposureReport>
export type ExposedPort = ExposureReport['ports'][number]
