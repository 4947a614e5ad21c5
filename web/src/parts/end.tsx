/** When something ends, as a time and as what is left. */
import { duration, time } from '../format.ts'

export function End({ until }: { readonly until: string | null }) {
  if (until === null) return <>for good</>
  const leftMs = Date.parse(until) - Date.now()
  return (
    <time dateTime={until} title={time(until)}>
      {leftMs <= 0 ? 'ending' : `in ${duration(leftMs)}`}
    </time>
  )
}

export function Since({ at }: { readonly at: string }) {
  return (
    <time dateTime={at} title={`${duration(Date.now() - Date.parse(at))} ago`}>
      {time(at)}
    </time>
  )
}
