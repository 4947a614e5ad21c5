import { parseNetwork } from '../../lib/ip.ts'
import { PrefixTableWriter } from '../../lib/prefix-table-writer.ts'

/** A list of these networks, as workers have it. */
export function listOf(...texts: string[]): SharedArrayBuffer {
  const writer = new PrefixTableWriter({ v4: texts.length, v6: texts.length })
  texts.forEach((text, i) => writer.set(parseNetwork(text)!, i))
  return writer.memory
}
