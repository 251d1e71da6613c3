import { change, count, secondOfDay, signedPercent } from "../format";
import { useTopic } from "../live";
import type { Measure as MeasureData, UserActivity } from "../live/data";
import { href } from "../router";
import type { Kind, Props } from "./kind";
import { Tile, type Behind } from "./Tile";

type Name = Exclude<keyof UserActivity, "ahead">;

type Said = { title: string; comparison: string; behind: () => Behind };

const events = () => ({ link: href(["events"]), says: "The events behind it" });

/** What the fold's figures are called, what they compare with, and what is behind them. */
const measures: Record<Name, Said> = {
  active_users: { title: "Active users, 5 min", comparison: "prior 5 min", behind: events },
  events_per_minute: { title: "Events per minute", comparison: "prior min", behind: events },
  events_total: { title: "Events, total", comparison: "since the log began", behind: events },
  rejected: {
    title: "Rejected, 1 h",
    comparison: "prior hour",
    behind: () => ({ link: href(["streams", "dead_letters"]), says: "The rows that were refused, and why" }),
  },
};

const nameOf = (measure: string | undefined): Name => (measure && measure in measures ? (measure as Name) : "active_users");

/** A tile for one figure of user activity. */
function Measure({ widget, title }: Props) {
  const topic = useTopic("user_activity");
  const name = nameOf(widget.options?.measure);
  const { comparison, behind } = measures[name];
  return (
    <Tile
      title={title}
      topic={topic}
      behind={behind()}
      figure={(data) => {
        const measure = data[name];
        return {
          value: count(measure.v),
          below: <Comparison measure={measure} comparison={comparison} better={widget.options?.better ?? "higher"} />,
          trend: measure.spark,
          note: measure.to === undefined ? undefined : `to ${secondOfDay(measure.to)}`,
        };
      }}
    />
  );
}

type ComparisonProps = { measure: MeasureData; comparison: string; better: "higher" | "lower" };

function Comparison({ measure, comparison, better }: ComparisonProps) {
  const { v, prev } = measure;
  // A measure that is never compared, such as a total, carries the words alone.
  if (prev === undefined) return <span class="versus">{comparison}</span>;
  if (prev === null) return <span class="versus">no {comparison} yet</span>;
  return (
    <>
      <Change now={v} before={prev} better={better} />
      <span class="versus" title={`${count(prev)} in the ${comparison}`}>
        vs {count(prev)}, {comparison}
      </span>
    </>
  );
}

/** Arrow for the direction, colour for whether that is good. */
export function Change({ now, before, better }: { now: number; before: number; better: "higher" | "lower" }) {
  // Nothing at all is a quiet system, not one that does badly; what should not be quiet has an alert rule.
  const fraction = now === 0 ? null : change(now, before);
  if (fraction === null) return null;
  const verdict = now === before ? "flat" : now > before === (better === "higher") ? "good" : "bad";
  return (
    <span class={`change ${verdict}`}>
      <span aria-hidden="true">{now > before ? "↑" : now < before ? "↓" : "→"}</span> {signedPercent(fraction)}
    </span>
  );
}

export const measureKind: Kind = {
  type: "measure",
  title: ({ options }) => measures[nameOf(options?.measure)].title,
  reads: "user_activity",
  place: "tile",
  range: "own",
  component: Measure,
};
