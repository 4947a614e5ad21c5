/** What to do where there is nothing yet. */
export function NoServices() {
  return (
    <div>
      <p>No service yet: Tidegate listens nowhere.</p>
      <p class="quiet">
        Add one to <code>services</code> of the configuration, with a <code>name</code>, where to <code>listen</code>{' '}
        and its <code>upstreams</code>; then run <code>tidegate reload</code>.
      </p>
    </div>
  )
}
