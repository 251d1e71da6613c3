import { useNamedTopic } from "../ask/useTopic";
import { href } from "../router";
import type { WidgetOptions } from "../definitions";
import type { Kind, Props } from "./kind";
import { Change } from "./Measure";
import { Tile, type Figure } from "./Tile";
import { fieldAt, fieldsThere, inWords, isNumber } from "./topicRows";
import { write } from "./writing";

/** Values of a trend that are drawn, the newest. */
const TREND = 60;

/** A tile for one field of any topic. */
function NumberTile({ widget, title }: Props) {
  const { topic = "", options = {} } = widget;
  const view = useNamedTopic(topic);
  return (
    <Tile
      title={title}
      topic={view}
      behind={() => ({ link: href(["topics", topic]), says: `The topic ${topic} that it comes from` })}
      figure={(data) => figureOf(data, options)}
    />
  );
}

/** The last of a column, or the value itself. */
const newest = (value: unknown) => (Array.isArray(value) ? (value as unknown[]).filter((each) => each != null).at(-1) : value);

function figureOf(data: unknown, { value: way = "", before: earlier, trend, unit, format, better = "higher" }: WidgetOptions): Figure {
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
  title: ({ options, id }) => inWords(options?.value ?? id),
  reads: null,
  place: "tile",
  component: NumberTile,
};
