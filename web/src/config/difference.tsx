/** A difference as `diff -u` writes it. What goes and what comes shows by the sign, not by the colour alone. */
export function Difference({ unified, name }: { readonly unified: string; readonly name: string }) {
  if (unified === '') return <p class="quiet">The text is the same.</p>
  const lines = unified.replace(/\n$/, '').split('\n').slice(2)
  return (
    <pre class="difference" tabIndex={0} role="region" aria-label={name}>
      {lines.map((line, i) => (
        <div key={i} class={classOf(line)}>
          {line === '' ? ' ' : line}
        </div>
      ))}
    </pre>
  )
}

function classOf(line: string): string | undefined {
  if (line.startsWith('+')) return 'came'
  if (line.startsWith('-')) return 'went'
  return line.startsWith('@@') ? 'quiet' : undefined
}
