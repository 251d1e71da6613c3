import { useMemo } from "preact/hooks";
import { askMetric, type Aggregate } from "../ask/metrics";
import { useAnswer } from "../ask/useAnswer";
import { Lines } from "../charts/Lines";
import { figureOf, unitOf, type WidgetOptions } from "../definitions";
import { dayAndMinute } from "../format";
import { Empty } from "../panel/Empty";
import { NoSamples } from "../panel/NoSamples";
import { Panel } from "../panel/Panel";
import { ends, range, versus } from "../range";
import { href } from "../router";
import type { Kind, Props } from "./kind";
import { REFRESH_MS } from "./Metric";
import { MetricChart, MetricTable } from "./MetricChart";
import { RowsTable } from "./Table";
import { TopicPanel } from "./TopicPanel";
import { fieldAt, fieldNames, inWords, isNumber, NotThere, secondsAt, type Row } from "./topicRows";
import { write } from "./writing";

const MOST_LINES = 6;
const POINTS = 60;
const TIME = "t";

/** Values over time: of any topic, or of a metric over the range. */
function Line(props: Props) {
  return props.widget.metric ? <OfMetric {...props} metric={props.widget.metric} /> : <OfTopic {...props} />;
}

function OfTopic({ widget, title }: Props) {
  const { topic = "", options = {} } = widget;
  return (
    <TopicPanel
      title={title}
      topic={topic}
      way={options.rows}
      shape="line"
      table={(rows) => <RowsTable title={title} rows={[...rows].reverse()} options={asTable(rows, options)} />}
    >
      {(rows) => <TopicLines title={title} points={pointsOf(rows, options)} fields={drawnFields(rows, options)} options={options} />}
    </TopicPanel>
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

type LinesProps = { title: string; points: Point[]; fields: string[]; options: WidgetOptions };

/** The points within the range of the top bar. */
function TopicLines({ title, points, fields, options }: LinesProps) {
  const { from, to } = ends(range.value);
  const endsNow = range.value.span !== null;
  const within = points.filter(({ at }) => at >= from && (endsNow || at < to));
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
    [points, from],
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
  return <Lines times={times} lines={lines} label={title} />;
}

function OfMetric({ widget, title, metric }: Props & { metric: string }) {
  const [chosen, compared] = [range.value, versus.value];
  const { options = {} } = widget;
  const answer = useAnswer(
    `${metric} ${chosen.key} ${compared}`,
    () => askMetric(metric, chosen, compared, POINTS),
    chosen.span ? REFRESH_MS : 0,
  );
  const aggregate = (options.aggregate ?? figureOf(metric)) as Aggregate;
  const unit = aggregate === "count" || aggregate === "distinct" ? undefined : (options.unit ?? unitOf(metric));
  return (
    <Panel
      title={title}
      topic={answer}
      shape="line"
      note={`${aggregate}, ${chosen.label}`}
      tools={
        <a class="button small" href={href(["metrics", metric], { aggregate, unit: options.unit })} title={`${metric}, with all its series`}>
          Metric
        </a>
      }
      isEmpty={({ series }) => series.length === 0}
      empty={<NoSamples metric={metric} />}
      table={(found) => <MetricTable name={metric} found={found} points={POINTS} aggregate={aggregate} unit={unit} />}
    >
      {(found) => <MetricChart name={metric} found={found} points={POINTS} aggregate={aggregate} unit={unit} />}
    </Panel>
  );
}

export const lineKind: Kind = {
  type: "line",
  title: ({ topic, metric, id }) => inWords(topic ?? metric ?? id),
  reads: null,
  place: { w: 8, height: 302 },
  component: Line,
};
