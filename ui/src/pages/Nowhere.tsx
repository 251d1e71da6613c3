import { href, writtenAddress } from "../router";
import { rail } from "./routes";

/** Shown where the address leads nowhere: says so, and where one can go instead. */
export function Nowhere() {
  const first = rail.value[0]?.links[0];
  return (
    <section class="panel nowhere" aria-labelledby="nowhere">
      <div class="message">
        <b id="nowhere">There is no page {writtenAddress.value}</b>
        <span>The address may be mistyped, or from another version of Hindcast.</span>
        <a class="button" href={first?.link ?? href([])}>
          Go to {first?.title ?? "the first page"}
        </a>
      </div>
    </section>
  );
}
