import { useMemo } from "preact/hooks";
import { Lines } from "../charts/Lines";
import type { WidgetOptions } from "../definitions";
import { dayAndMinute } from "../format";
import { Empty } from "../panel/Empty";
import { NoSamples } from "../panel/NoSamples";
import { Panel } from "../panel/Panel";
import { ends } from "../range";
import { href } from "../router";
import { shared } from "../shared/mode";
import { useRange } from "./context";
import type { Kind, Props } from "./kind";
import { MetricChart, MetricTable } from "./MetricChart";
import { named, RowsTable } from "./Table";
import { SourcePanel } from "./TopicPanel";
import { fieldAt, fieldNames, inWords, isNumber, NotThere, secondsAt, type Row } from "./topicRows";
import { useMetric } from "./useMetric";
import { write } from "./writing";

const MOST_LINES = 6;
const POINTS = 60;
const TIME = "t";

/** Values over time: of any topic, query or question, or of a metric over the range. */
function Line(props: Props) {
  return props.widget.metric ? <OfMetric {...props} metric={props.widget.metric} /> : <OfSource {...props} />;
}

function OfSource({ widget, title }: Props) {
  const stacked = widget.type === "stacked";
  return (
    <SourcePanel
      title={title}
      widget={widget}
      shape="line"
      table={(rows, options) => <RowsTable title={title} rows={[...rows].reverse()} options={asTable(rows, options)} />}
    >
      {(rows, options) => <TopicLines title={title} stacked={stacked} live={widget.topic !== undefined} points={pointsOf(rows, options)} fields={drawnFields(rows, options)} options={options} />}
    </SourcePanel>
  );
}

function timeOf({ key, fields }: Row, x: string | undefined): number | null {
  return secondsAt(x === undefined ? (fields[TIME] ?? key) : x === "key" ? key : fieldAt(fields, x));
}

function drawnFields(rows: Row[], { x = TIME, y }: WidgetOptions): string[] {
  return y ?? fieldNames(rows).filter((name) => name !== x && rows.some(({ fields }) => isNumber(fields[name]))).slice(0, MOST_LINES);
}

const asTable = (rows: Row[], options: WidgetOptions): WidgetOptions => ({
  columns: [
    { field: options.x ?? (rows.some(({ fields }) => TIME in fields) ? TIME : "key"), title: "At", format: "time" },
    ...drawnFields(rows, options).map((field) => ({ field, format: options.format, unit: options.unit })),
  ],
});

type Point = { at: number; fields: Row["fields"] };

/** The rows in the order of their times. Throws `NotThere` where there is no time, or no number, to draw. */
function pointsOf(rows: Row[], options: WidgetOptions): Point[] {
  const points = rows
    .map((row) => ({ at: timeOf(row, options.x), fields: row.fields }))
    .filter((each): each is Point => each.at !== null)
    .sort((a, b) => a.at - b.at);
  const names = fieldNames(rows).join(", ");
  if (points.length === 0) throw new NotThere(`No row has a time at “${options.x ?? TIME}”; rows have ${names}`);
  const drawn = drawnFields(rows, options);
  const missing = drawn.filter((name) => !points.some(({ fields }) => isNumber(fieldAt(fields, name))));
  if (drawn.length === 0) throw new NotThere(`Rows have no number to draw; they have ${names}`);
  if (missing.length > 0) throw new NotThere(`No row has a number at “${missing[0]}”; rows have ${names}`);
  return points;
}

type LinesProps = { title: string; stacked: boolean; live: boolean; points: Point[]; fields: string[]; options: WidgetOptions };

/** The points within the range of the top bar. */
function TopicLines({ title, stacked, live, points, fields, options }: LinesProps) {
  const range = useRange();
  const { from, to } = ends(range);
  const endsNow = range.span !== null;
  // An answer is of the range already; its first bucket may begin before it.
  const within = live ? points.filter(({ at }) => at >= from && (endsNow || at < to)) : points;
  const times = within.map(({ at }) => at);
  const lines = useMemo(
    () =>
      fields.map((name) => ({
        name: inWords(name),
        values: within.map((point) => {
          const value = fieldAt(point.fields, name);
          return isNumber(value) ? value : null;
        }),
        write: (value: number) => write(value, options.format, options.unit),
      })),
    [points, from, JSON.stringify(options)],
  );
  if (within.length === 0) {
    return (
      <Empty title="Nothing in this range">
        <span>
          The topic holds {dayAndMinute(points[0]!.at)} to {dayAndMinute(points.at(-1)!.at)}. Choose a longer range in the top bar.
        </span>
      </Empty>
    );
  }
  return <Lines times={times} lines={lines} label={title} stacked={stacked} />;
}

function OfMetric({ widget, title, metric }: Props & { metric: string }) {
  const { options = {} } = widget;
  const { answer, aggregate, unit, range } = useMetric(widget, metric, POINTS);
  const stacked = widget.type === "stacked";
  return (
    <Panel
      title={title}
      topic={answer}
      shape="line"
      note={`${aggregate}, ${range.label}`}
      tools={
        !shared && (
          <a class="button small" href={href(["metrics", metric], { aggregate, unit: options.unit })} title={`${metric}, with all its series`}>
            Metric
          </a>
        )
      }
      isEmpty={({ series }) => series.length === 0}
      empty={<NoSamples metric={metric} />}
      table={(found) => <MetricTable name={metric} found={found} points={POINTS} aggregate={aggregate} unit={unit} />}
    >
      {(found) => <MetricChart name={metric} found={found} points={POINTS} aggregate={aggregate} unit={unit} stacked={stacked} />}
    </Panel>
  );
}

export const lineKind: Kind = { type: "line", title: named, reads: null, place: { w: 8, height: 302 }, component: Line };
export const stackedKind: Kind = { ...lineKind, type: "stacked" };
