import { askActivity, type Summed } from "../ask/activity";
import { useOverRange } from "../ask/useOverRange";
import { between, type Behind } from "../behind";
import { change, figure, secondOfDay, signedPercent } from "../format";
import type { Measure as MeasureData, UserActivity } from "../live/data";
import { comparison as comparisonOfRange, followsLive, range, versus, type Range, type Versus } from "../range";
import { href } from "../router";
import type { Kind, Props } from "./kind";
import { Tile } from "./Tile";

type Name = Exclude<keyof UserActivity, "ahead">;

/** `now` names the figure of the live view, `over` that of a longer range; `comparison` is of the live view. */
type Said = { now: string; over: string; comparison: string; behind: (measure: MeasureData) => Behind };

const events = ({ from, to }: MeasureData): Behind => ({
  link: href(["events"], from !== undefined && to !== undefined ? between(from, to) : {}),
  says: "The events behind it",
});

const refused = () => ({ link: href(["streams", "dead_letters"]), says: "The rows that were refused, and why" });

/** What the figures are called, what they compare with, and what is behind them. */
const measures: Record<Name, Said> = {
  active_users: { now: "Active users, 5 min", over: "Active users", comparison: "prior 5 min", behind: events },
  events_per_minute: { now: "Events per minute", over: "Events per minute", comparison: "prior min", behind: events },
  events_total: { now: "Events, total", over: "Events", comparison: "since the log began", behind: events },
  rejected: { now: "Rejected, 1 h", over: "Rejected", comparison: "prior hour", behind: refused },
};

const nameOf = (measure: string | undefined): Name => (measure && measure in measures ? (measure as Name) : "active_users");

/** The live view's figures, over a range. */
async function ask(chosen: Range, compared: Versus): Promise<UserActivity> {
  const { from, to, events, users, refused } = await askActivity(chosen, compared);
  const minutes = (to - from) / 60;
  const measure = ({ now, before, trend }: Summed, by = 1): MeasureData => ({
    v: now / by,
    prev: before === null ? undefined : before / by,
    spark: trend,
    from,
    to,
  });
  return {
    active_users: measure(users),
    events_per_minute: measure(events, minutes),
    events_total: measure(events),
    rejected: measure(refused),
  };
}

/** A tile for one figure of user activity: of now, or over a longer range. */
function Measure({ widget, title }: Props) {
  const view = useOverRange("user_activity", ask);
  const name = nameOf(widget.options?.measure);
  const live = followsLive.value;
  const compared = !live ? comparisonOfRange.value : versus.value === "none" ? "" : measures[name].comparison;
  return (
    <Tile
      title={title}
      topic={view}
      behind={(data) => measures[name].behind(data[name])}
      figure={(data) => {
        const measure = data[name];
        return {
          value: figure(measure.v),
          why: { measure: name, from: measure.from, to: measure.to, value: measure.v },
          below: <Comparison measure={measure} comparison={compared} better={widget.options?.better ?? "higher"} />,
          trend: measure.spark,
          note: !live ? range.value.label : measure.to === undefined ? undefined : `to ${secondOfDay(measure.to)}`,
        };
      }}
    />
  );
}

type ComparisonProps = { measure: MeasureData; comparison: string; better: "higher" | "lower" };

function Comparison({ measure, comparison, better }: ComparisonProps) {
  const { v, prev } = measure;
  // A measure that is never compared, such as a total, carries the words alone.
  if (prev === undefined || comparison === "") return <span class="versus">{comparison}</span>;
  if (prev === null) return <span class="versus">no {comparison} yet</span>;
  return (
    <>
      <Change now={v} before={prev} better={better} />
      <span class="versus" title={`${figure(prev)} ${comparison}`}>
        vs {figure(prev)}, {comparison}
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
  title: ({ options }) => measures[nameOf(options?.measure)][followsLive.value ? "now" : "over"],
  reads: "user_activity",
  place: "tile",
  component: Measure,
};
