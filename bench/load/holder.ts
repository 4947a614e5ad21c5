/**
 * `node holder.ts UPSTREAM_PORT`, with a message channel: plays all clients and the upstream of the memory
 * measure, so that nothing of theirs is in the proxy's process. One exchange at a time: a client connects,
 * 4 bytes go up, 4 bytes come back. Then the connection is held, or closed again to warm the proxy up.
 */
import { accept, close, connectTo, limitReceiving, listenOn, receive, send } from './libc.ts'

/** `hold`: keep so many open in all. `churn`: open and close so many, one after another. */
export type HolderCommand =
  | { readonly kind: 'hold'; readonly proxyPort: number; readonly count: number }
  | { readonly kind: 'churn'; readonly proxyPort: number; readonly count: number }
  | { readonly kind: 'close-all' }

export type HolderAnswer = { readonly kind: 'done' } | { readonly kind: 'failed'; readonly message: string }

const PATIENCE_SECONDS = 5
const MESSAGE_BYTES = 4

const listener = listenOn(Number(process.argv[2]))
limitReceiving(listener, PATIENCE_SECONDS)
const buffer = new Uint8Array(64)
const held: { readonly client: number; readonly upstream: number }[] = []

process.on('message', (command: HolderCommand) => {
  let answer: HolderAnswer = { kind: 'done' }
  try {
    obey(command)
  } catch (error) {
    answer = { kind: 'failed', message: String(error) }
  }
  process.send?.(answer)
})

function obey(command: HolderCommand): void {
  if (command.kind === 'hold') while (held.length < command.count) held.push(openOne(command.proxyPort))
  if (command.kind === 'churn') for (let i = 0; i < command.count; i++) closeOne(openOne(command.proxyPort))
  if (command.kind === 'close-all') for (const pair of held.splice(0)) closeOne(pair)
}

function openOne(proxyPort: number): { client: number; upstream: number } {
  const client = connectTo(proxyPort)
  limitReceiving(client, PATIENCE_SECONDS)
  send(client, buffer, MESSAGE_BYTES)
  const upstream = acceptSpeaking()
  send(upstream, buffer, MESSAGE_BYTES)
  if (receive(client, buffer) !== MESSAGE_BYTES) throw new Error('the answer did not reach the client')
  return { client, upstream }
}

/** The next connection that says something: the bench's own "is it listening?" connections say nothing. */
function acceptSpeaking(): number {
  for (;;) {
    const upstream = accept(listener)
    limitReceiving(upstream, PATIENCE_SECONDS)
    if (receive(upstream, buffer) === MESSAGE_BYTES) return upstream
    close(upstream)
  }
}

/** Client first, and the upstream only after it has seen the end: the order of a client that hangs up. */
function closeOne({ client, upstream }: { client: number; upstream: number }): void {
  close(client)
  receive(upstream, buffer)
  close(upstream)
}
