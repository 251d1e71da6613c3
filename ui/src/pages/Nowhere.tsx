import { addressOf, routes, unknownAddress } from "../routes";

/** Shown where the address leads nowhere: says so, and where one can go instead. */
export function Nowhere() {
  return (
    <section class="panel nowhere" aria-labelledby="nowhere">
      <div class="message">
        <b id="nowhere">There is no page {unknownAddress.value}</b>
        <span>The address may be mistyped, or from another version of Hindcast.</span>
        {routes.map((route) => (
          <a key={route.path} class="button" href={addressOf(route)}>
            Go to {route.title}
          </a>
        ))}
      </div>
    </section>
  );
}
