/** The configuration file as a text with a version, read and replaced as a whole. */
import { createHash } from 'node:crypto'
import { decodeConfig, readConfigBytes } from '../config/read-config-file.ts'
import { replaceFile, whyReadOnly } from './replace-file.ts'

const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf])

export interface ConfigText {
  readonly text: string
  /** Of the text: SHA-256, hex. */
  readonly version: string
}

/** The file holds another text than the one a change was made of. */
export class ChangedMeanwhile extends Error {
  override readonly name = 'ChangedMeanwhile'
  readonly current: ConfigText

  constructor(current: ConfigText) {
    super(`The file has version ${current.version.slice(0, 12)} now.`)
    this.current = current
  }
}

export function versionOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

export class ConfigTextFile {
  readonly path: string

  constructor(path: string) {
    this.path = path
  }

  /** Throws ConfigError where it can't be read. */
  async read(): Promise<ConfigText> {
    return withVersion(decodeConfig(await readConfigBytes(this.path), this.path))
  }

  whyReadOnly(): Promise<string | undefined> {
    return whyReadOnly(this.path)
  }

  /** Throws ChangedMeanwhile, and what the file system says; the old text is then still there. */
  async replace(from: ConfigText, text: string): Promise<void> {
    const before = await readConfigBytes(this.path)
    this.#require(before, from)
    const mark = before.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK) ? [BYTE_ORDER_MARK] : []
    // Somebody may have saved it while ours was written: once more, at the last moment.
    await replaceFile(this.path, Buffer.concat([...mark, Buffer.from(text)]), async () =>
      this.#require(await readConfigBytes(this.path), from),
    )
  }

  #require(bytes: Buffer, from: ConfigText): void {
    const current = withVersion(decodeConfig(bytes, this.path))
    if (current.version !== from.version) throw new ChangedMeanwhile(current)
  }
}

function withVersion(text: string): ConfigText {
  return { text, version: versionOf(text) }
}
