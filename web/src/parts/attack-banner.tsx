/** Says that a service is under attack, wherever that matters. */
import { services } from '../live.ts'
import { linkTo } from '../route.ts'

export function AttackBanner({ service }: { readonly service?: string }) {
  const attacked = services.value.filter(
    ({ name, attack }) => typeof attack === 'number' && (service === undefined || name === service),
  )
  if (attacked.length === 0) return null
  return (
    <p class="banner bad" role="alert">
      <b>Under attack:</b>{' '}
      {attacked.map(({ name, attack }, i) => (
        <span key={name}>
          {i > 0 && ', '}
          {name} (<a href={linkTo('attacks', String(attack))}>attack {attack}</a>)
        </span>
      ))}
      . Clients that are known from before come first until it is over.
    </p>
  )
}
