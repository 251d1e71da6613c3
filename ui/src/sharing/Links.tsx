import { useState } from "preact/hooks";
import { useAnswer } from "../ask/useAnswer";
import { dayAndMinute } from "../format";
import { notify } from "../notices";
import { addressOf, revoke, shares } from "./shares";

/** The links that there are, of one dashboard or of all, each to be revoked. */
export function Links({ dashboard }: { dashboard?: string }) {
  const [revoked, setRevoked] = useState(0);
  const answer = useAnswer(`shares ${revoked}`, shares);
  const found = answer.data.value?.filter(({ dashboards }) => dashboard === undefined || dashboards.includes(dashboard)) ?? [];
  const problem = answer.problem.value;
  if (problem) return <p class="muted">{problem.message}</p>;
  if (found.length === 0) return dashboard === undefined && answer.data.value ? <p class="muted links-none">Nobody was given a link yet. Open a dashboard and choose Share.</p> : null;
  return (
    <section class="links" aria-label="Links that there are">
      {dashboard !== undefined && <h3>Links that there are</h3>}
      <ul>
        {found.map((link) => (
          <li key={link.id}>
            <div>
              <b>{link.title ?? link.dashboards.join(", ")}</b>
              <small>
                {dashboard === undefined && link.title !== null && `${link.dashboards.join(", ")}, `}
                {link.expires === null ? "until it is revoked" : link.expires * 1_000 < Date.now() ? "its time is over" : `until ${dayAndMinute(link.expires)}`}
                {Object.entries(link.filter).map(([field, value]) => `, only ${field} ${value}`)}
                {link.by && `, by ${link.by}`}
              </small>
            </div>
            <a class="button small" href={addressOf(link)} target="_blank" rel="noreferrer">
              Open
            </a>
            <button
              type="button"
              class="button small danger"
              aria-label={`Revoke the link ${link.title ?? link.dashboards.join(", ")}`}
              onClick={() =>
                void revoke(link.id)
                  .then(() => setRevoked(revoked + 1))
                  .catch((error: Error) => notify(error.message))
              }
            >
              Revoke
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
