/** The file as it was read, the text that is being written, and what the daemon says of it. Kept while other pages are looked at. */
import { computed, signal } from '@preact/signals'
import type {
  ConfigAnswer,
  ConfigChangeAnswer,
  ConfigConflict,
  ConfigHistoryAnswer,
  ConfigVersionAnswer,
  ConfigVersionView,
} from '../../../src/api/contract.ts'
import { ApiError, ask, get } from '../api.ts'
import type { Schema } from './complete.ts'

const CONFIG = '/api/v1/config'

/** The text that the draft was made of. */
export const base = signal<ConfigAnswer | undefined>(undefined)
export const draft = signal('')
export const schema = signal<Schema>({})
/** Of the last check, and the text it was about. */
export const checked = signal<{ readonly text: string; readonly answer: ConfigChangeAnswer } | undefined>(undefined)
export const failure = signal<string | undefined>(undefined)
export const done = signal<string | undefined>(undefined)
export const isBusy = signal(false)
export const versions = signal<readonly ConfigVersionView[] | undefined>(undefined)

/** Somebody else has changed the file: theirs, and the two differences to it. */
export interface Conflict {
  readonly theirs: { readonly text: string; readonly version: string }
  /** From what we began with to theirs. */
  readonly theirChange: string
  /** From theirs to ours. */
  readonly ourChange: string
}
export const conflict = signal<Conflict | undefined>(undefined)

export const isChanged = computed(() => base.value !== undefined && draft.value !== base.value.text)
export const problems = computed(() => {
  const { answer, text } = checked.value ?? {}
  return answer?.kind === 'wrong-config' && text === draft.value ? answer.problems : []
})

/** A draft that was begun stays. */
export async function load(): Promise<void> {
  await busily(async () => {
    if (!isChanged.value) await readAgain()
    if (schema.value.properties === undefined) schema.value = await get<Schema>(`${CONFIG}/schema`)
  })
  await loadHistory()
}

export async function loadHistory(): Promise<void> {
  try {
    versions.value = (await get<ConfigHistoryAnswer>(`${CONFIG}/history`)).versions
  } catch {
    // The store is off; the file can be changed all the same.
    versions.value = undefined
  }
}

export function write(text: string): void {
  draft.value = text
  done.value = undefined
}

/** Also while somebody writes: the answer is about the text that was sent. */
export async function check(): Promise<void> {
  const text = draft.value
  const version = base.value?.version
  // What is applied meanwhile makes the question an old one.
  const isOld = (): boolean => isBusy.value || base.value?.version !== version
  try {
    const answer = await askForChange('POST', `${CONFIG}/dry-run`, { text, version })
    if (isOld()) return
    checked.value = { text, answer }
    failure.value = undefined
  } catch (error) {
    if (!isOld()) await tell(error as Error, text)
  }
}

export async function apply(why: string): Promise<boolean> {
  const text = draft.value
  return await change(text, () => askForChange('PUT', CONFIG, { text, version: base.value?.version, why }))
}

export async function rollBack(id: number, why: string): Promise<boolean> {
  return await change(draft.value, () =>
    askForChange('POST', `${CONFIG}/rollback`, { id, version: base.value?.version, why }),
  )
}

export async function versionOf(id: number): Promise<ConfigVersionAnswer> {
  return await get<ConfigVersionAnswer>(`${CONFIG}/history/${id}`)
}

/** Goes on from theirs: with our text, or with theirs. */
export async function settle(withOurs: boolean): Promise<void> {
  const { theirs } = conflict.value!
  const ours = draft.value
  base.value = { ...base.value!, ...theirs }
  draft.value = withOurs ? ours : theirs.text
  conflict.value = undefined
  checked.value = undefined
  await check()
}

export function discard(): void {
  draft.value = base.value!.text
  checked.value = undefined
  conflict.value = undefined
  failure.value = undefined
}

async function change(text: string, send: () => Promise<ConfigChangeAnswer>): Promise<boolean> {
  let isDone = false
  await busily(async () => {
    try {
      const answer = await send()
      isDone = answer.kind === 'done'
      checked.value = isDone ? undefined : { text, answer }
      if (isDone) {
        await readAgain()
        done.value = sentenceOf(answer)
      }
    } catch (error) {
      await tell(error as Error, text)
    }
  })
  await loadHistory()
  return isDone
}

async function readAgain(): Promise<void> {
  base.value = await get<ConfigAnswer>(CONFIG)
  draft.value = base.value.text
  conflict.value = undefined
}

/** Refusals that say what is wrong with the text are answers; all else is thrown. */
async function askForChange(method: string, path: string, body: object): Promise<ConfigChangeAnswer> {
  try {
    return await ask<ConfigChangeAnswer>(method, path, body)
  } catch (error) {
    const answer = error instanceof ApiError ? (error.body as Partial<ConfigChangeAnswer> | undefined) : undefined
    if (answer?.kind !== undefined) return answer as ConfigChangeAnswer
    throw error
  }
}

async function tell(error: Error, ours: string): Promise<void> {
  if (error instanceof ApiError && error.code === 'E_CONFLICT') {
    const { current: theirs } = error.body as ConfigConflict
    const fromTheirs = (text: string): Promise<ConfigChangeAnswer> =>
      askForChange('POST', `${CONFIG}/dry-run`, { text })
    const toBase = await fromTheirs(base.value!.text)
    const toOurs = await fromTheirs(ours)
    conflict.value = { theirs, theirChange: turned(toBase.unified), ourChange: toOurs.unified }
    return
  }
  failure.value = error.message
}

/** The same difference the other way. */
function turned(unified: string): string {
  return unified
    .split('\n')
    .map((line) => {
      if (/^(---|\+\+\+) /.test(line)) return line
      if (line.startsWith('@@')) return line.replace(/-(\S+) \+(\S+)/, '-$2 +$1')
      return line.replace(/^[+-]/, (sign) => (sign === '+' ? '-' : '+'))
    })
    .join('\n')
}

function sentenceOf(answer: ConfigChangeAnswer): string {
  const short = `In force: version ${answer.version.slice(0, 12)}.`
  if (answer.kind !== 'done' || answer.history === undefined || 'id' in answer.history) return short
  return `${short} The history does not have it: ${answer.history.problem}`
}

async function busily(work: () => Promise<void>): Promise<void> {
  isBusy.value = true
  failure.value = undefined
  try {
    await work()
  } catch (error) {
    failure.value = (error as Error).message
  } finally {
    isBusy.value = false
  }
}
