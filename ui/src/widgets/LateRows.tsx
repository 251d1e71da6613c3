import { count, duration } from "../format";
import { useTopic } from "../ask/useTopic";
import { ends, range } from "../range";
import { href } from "../router";
import type { TooLate } from "../live/data";
import type { Kind } from "./kind";

/** One line for the metrics that rows came too late for, the last within the range; nothing where there is none. */
function LateRows() {
  const { from, to } = ends(range.value);
  const shown = ({ rows, t }: TooLate) => rows > 0 && t >= from && (range.value.span !== null || t < to);
  const late = Object.entries(useTopic("late_rows").data.value ?? {}).filter(([, each]) => shown(each));
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
  component: LateRows,
};
