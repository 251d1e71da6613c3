import type { WidgetOptions } from "../definitions";
import { useRange } from "./context";
import type { Kind, Props } from "./kind";
import { Change } from "./Measure";
import { Metric } from "./Metric";
import { useSource } from "./source";
import { Tile, type Figure } from "./Tile";
import { fieldAt, fieldsThere, inWords, isNumber } from "./topicRows";
import { write } from "./writing";

/** Values of a trend that are drawn, the newest. */
const TREND = 60;

/** A tile for one field of any topic. */
function NumberTile(props: Props) {
  return props.widget.metric ? <Metric {...props} /> : <OfSource {...props} />;
}

function OfSource({ widget, title }: Props) {
  const { view, options, behind } = useSource(widget);
  const range = useRange();
  const note = widget.topic === undefined ? range.label : undefined;
  return <Tile title={title} topic={view} behind={behind ? () => behind : undefined} figure={(data) => ({ ...figureOf(data, options), note })} />;
}

/** The last of a column, or the value itself. */
const newest = (value: unknown) => (Array.isArray(value) ? (value as unknown[]).filter((each) => each != null).at(-1) : value);

export function figureOf(data: unknown, { value: way = "", before: earlier, trend, unit, format, better = "higher" }: WidgetOptions): Figure {
  const found = fieldAt(data, way);
  const value = newest(found);
  if (value === undefined || value === null) return { value: "–", below: <Nothing data={data} way={way} missing={found === undefined} /> };
  const before = earlier === undefined ? undefined : newest(fieldAt(data, earlier));
  const column = trend === undefined ? found : fieldAt(data, trend);
  return {
    value: write(value, format, unit),
    below:
      isNumber(before) && isNumber(value) ? (
        <>
          <Change now={value} before={before} better={better} />
          <span class="versus">vs {write(before, format, unit)} before</span>
        </>
      ) : (
        <span class="versus" />
      ),
    trend: Array.isArray(column) ? (column as unknown[]).filter(isNumber).slice(-TREND) : undefined,
  };
}

function Nothing({ data, way, missing }: { data: unknown; way: string; missing: boolean }) {
  const empty = typeof data === "object" && data !== null && Object.keys(data).length === 0;
  if (empty || !missing) return <span class="versus">nothing yet</span>;
  return (
    <span class="versus wrap">
      no field “{way}”; there are {fieldsThere(data)}
    </span>
  );
}

export const numberKind: Kind = {
  type: "number",
  title: ({ options, metric, query, id }) => inWords(options?.value ?? metric ?? query ?? id),
  reads: null,
  place: "tile",
  component: NumberTile,
};
