import { count, duration } from "../format";
import { useTopic } from "../live";
import { href } from "../router";
import type { Kind } from "./kind";

/** One line for each metric that rows came too late for; nothing where there is none. */
function LateRows() {
  const late = Object.entries(useTopic("late_rows").data.value ?? {}).filter(([, { rows }]) => rows > 0);
  if (late.length === 0) return null;
  const rows = late.reduce((n, [, each]) => Math.max(n, each.rows), 0);
  const behind = late.reduce((s, [, each]) => Math.max(s, each.behind_s), 0);
  return (
    <section class="strip-note" aria-label="Late rows">
      <span class="severity medium" aria-hidden="true">
        ▲
      </span>
      <span>
        <b>
          {count(rows)} {rows === 1 ? "row" : "rows"} came too late for {named(late.map(([metric]) => metric))}
        </b>
        , up to {duration(behind)} behind. They are in the log, but no window counts them.
      </span>
      <a class="button small" href={href(["streams", "late_rows"])}>
        See them
      </a>
    </section>
  );
}

/** The first three, and how many more. */
function named(metrics: string[]): string {
  const shown = metrics.slice(0, 3).join(", ");
  return metrics.length > 3 ? `${shown} and ${metrics.length - 3} more` : shown;
}

export const lateRowsKind: Kind = {
  type: "late_rows",
  title: () => "Late rows",
  reads: "late_rows",
  place: "strip",
  range: "own",
  component: LateRows,
};
