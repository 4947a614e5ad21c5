/** A command to be run elsewhere, with a button that copies it. */
import { useState } from 'preact/hooks'

export function CommandLine({ text }: { readonly text: string }) {
  return (
    <div class="command">
      <pre tabIndex={0} role="region" aria-label="The command">
        {text}
      </pre>
      <CopyButton text={text} />
    </div>
  )
}

export function CopyButton({ text }: { readonly text: string }) {
  const [said, setSaid] = useState('')
  const copy = async (): Promise<void> => {
    // Browsers give the clipboard to pages over TLS or loopback only.
    const isDone = await (navigator.clipboard as Clipboard | undefined)?.writeText(text).then(
      () => true,
      () => false,
    )
    setSaid(isDone === true ? 'Copied' : 'Select it to copy')
  }
  return (
    <button type="button" onClick={() => void copy()}>
      <span role="status">{said === '' ? 'Copy' : said}</span>
    </button>
  )
}
