import { POINTS, total, trend, whole, type Aggregate, type MetricAnswer } from "../ask/metrics";
import { figure, money, withUnit } from "../format";
import { notDefinedThen } from "../panel/NoSamples";
import { comparison, nothingBefore, type Range } from "../range";
import { href } from "../router";
import type { Kind, Props } from "./kind";
import { Change } from "./Measure";
import { Tile, type Figure } from "./Tile";
import { useMetric } from "./useMetric";

/** The figure as it is written: an amount of a currency, or a number with its unit. */
export function written(value: number | null, unit: string | undefined, key: string): string {
  if (value === null) return "–";
  if (unit === "money") return money(value, key);
  return unit ? withUnit(figure(value), unit) : figure(value);
}

/** A tile for one metric of the configuration, over the range of the top bar. */
export function Metric({ widget, title }: Props) {
  const { metric = "", options = {} } = widget;
  const { answer, range: chosen } = useMetric(widget, metric, POINTS);
  const aggregate = (options.aggregate ?? "count") as Aggregate;
  return (
    <Tile
      title={title}
      topic={answer}
      behind={() => ({ link: href(["metrics", metric], { aggregate, unit: options.unit }), says: `${metric}, over time` })}
      figure={(found) => notDefinedThen(metric) ? { value: "–", below: <span class="versus">not defined then</span> } : figureOf(found, metric, aggregate, options.unit, options.better ?? "higher", comparison.value, chosen)}
    />
  );
}

function figureOf(
  { series, closed, from, to }: MetricAnswer,
  metric: string,
  aggregate: Aggregate,
  unit: string | undefined,
  better: "higher" | "lower",
  comparison: string,
  chosen: Range,
): Figure {
  const [first, ...others] = unit === "money" ? series : [whole(series)];
  const value = first ? total(first.now, aggregate) : 0;
  const before = first && first.before.length > 0 ? total(first.before, aggregate) : null;
  return {
    value: first ? written(value, unit, first.key) : "0",
    why: first && { metric, key: unit === "money" ? first.key : undefined, from, to, aggregate, value },
    aside: asideOf(others.map(({ key, now }) => written(total(now, aggregate), unit, key))),
    below: (
      <>
        {comparison && before !== null && value !== null && <Change now={value} before={before} better={better} />}
        <span class="versus">
          {comparison && (before === null ? nothingBefore.value : `vs ${written(before, unit, first!.key)}, ${comparison}`)}
        </span>
      </>
    ),
    trend: first ? trend(first.now, aggregate, POINTS).slice(0, closed).map((value) => value ?? 0) : [],
    note: chosen.label,
  };
}

/** What cannot be added to the figure: the one amount in another currency, or how many there are, named on hover. */
function asideOf(others: string[]): Figure["aside"] {
  const [only] = others;
  if (only === undefined) return undefined;
  return others.length === 1 ? { text: `+ ${only}`, whole: only } : { text: `+ ${others.length} more`, whole: others.join(", ") };
}

export const metricKind: Kind = {
  type: "metric",
  title: ({ metric, id }) => metric ?? id,
  reads: null,
  place: "tile",
  component: Metric,
};
