/** `protect` at the top of the file: what is the node's and not one service's. */
import { z } from 'zod'
import { firewallSchema } from './firewall-schema.ts'

export const protectNodeSchema = z.strictObject({
  firewall: firewallSchema.prefault({}).meta({ description: 'What the kernel refuses for us, by nftables.' }),
})
