import { change, count, secondOfDay, signedPercent } from "../format";
import type { WidgetOf } from "../layout";
import { useTopic } from "../live";
import type { Measure as MeasureData } from "../live/data";
import { Tile } from "./Tile";

type Options = WidgetOf<"measure">["options"];

/** A tile for one measure of user activity. */
export function Measure({ widget }: { widget: WidgetOf<"measure"> }) {
  const topic = useTopic("user_activity");
  const { options } = widget;
  return (
    <Tile
      title={widget.title}
      topic={topic}
      figure={(data) => {
        const measure = data[options.measure];
        return {
          value: count(measure.v),
          below: <Comparison measure={measure} options={options} />,
          trend: measure.spark,
          note: measure.to === undefined ? undefined : `to ${secondOfDay(measure.to)}`,
        };
      }}
    />
  );
}

/** Arrow for the direction, colour for whether that is good. */
function Comparison({ measure, options }: { measure: MeasureData; options: Options }) {
  const { v, prev } = measure;
  // A measure that is never compared, such as a total, carries the words alone.
  if (prev === undefined) return <span class="versus">{options.comparison}</span>;
  if (prev === null) return <span class="versus">no {options.comparison} yet</span>;
  // Nothing at all is a quiet system, not one that does badly; what should not be quiet has an alert rule.
  const fraction = v === 0 ? null : change(v, prev);
  const verdict = v === prev ? "flat" : v > prev === (options.better === "higher") ? "good" : "bad";
  return (
    <>
      {fraction !== null && (
        <span class={`change ${verdict}`}>
          <span aria-hidden="true">{v > prev ? "↑" : v < prev ? "↓" : "→"}</span> {signedPercent(fraction)}
        </span>
      )}
      <span class="versus" title={`${count(prev)} in the ${options.comparison}`}>
        vs {count(prev)}, {options.comparison}
      </span>
    </>
  );
}
