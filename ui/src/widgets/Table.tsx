import type { ColumnSpec, WidgetOptions, WidgetSpec } from "../definitions";
import { DataTable, type Column } from "../panel/DataTable";
import { signedPercent } from "../format";
import { total, POINTS } from "../ask/metrics";
import { metricNamed } from "../definitions";
import { NoSamples } from "../panel/NoSamples";
import { Panel } from "../panel/Panel";
import { comparison } from "../range";
import type { Kind, Props } from "./kind";
import { written } from "./Metric";
import { SourcePanel } from "./TopicPanel";
import { useMetric } from "./useMetric";
import { fieldAt, fieldNames, inWords, isNumber, sorted, type Row } from "./topicRows";
import { Written } from "./writing";

export const MOST_ROWS = 100;
const MOST_COLUMNS = 9;

/** The rows of any topic, with the columns that the dashboard names. */
function Table({ widget, title }: Props) {
  if (widget.metric) return <OfMetric widget={widget} title={title} metric={widget.metric} />;
  return (
    <SourcePanel title={title} widget={widget} shape="rows">
      {(rows, options) => <RowsTable title={title} rows={rows} options={options} />}
    </SourcePanel>
  );
}

/** Each series of a metric, and what it is compared with. */
function OfMetric({ widget, title, metric }: Props & { metric: string }) {
  const { answer, aggregate, unit, range } = useMetric(widget, metric, POINTS);
  const rows = (answer.data.value?.series ?? []).map(({ key, now, before }) => ({ key: key || "all", now: total(now, aggregate), before: before.length > 0 ? total(before, aggregate) : null }));
  const change = ({ now, before }: (typeof rows)[number]) => (before && now !== null ? signedPercent((now - before) / Math.abs(before)) : "–");
  const sortedBy = [...rows].sort((a, b) => (b.now ?? 0) - (a.now ?? 0)).slice(0, widget.options?.limit ?? MOST_ROWS);
  return (
    <Panel title={title} topic={answer} shape="rows" note={range.label} isEmpty={() => rows.length === 0} empty={<NoSamples metric={metric} />}>
      {() => (
        <DataTable
          label={`Rows of ${title}`}
          rows={sortedBy}
          rowKey={({ key }) => key}
          columns={[
            { title: metricNamed(metric)?.key ?? "Series", wide: true, cell: ({ key }) => key },
            { title: inWords(aggregate), numeric: true, cell: ({ key, now }) => written(now, unit, key) },
            { title: comparison.value || "Before", numeric: true, roomy: true, cell: ({ key, before }) => written(before, unit, key) },
            { title: "Change", numeric: true, cell: change },
          ]}
        />
      )}
    </Panel>
  );
}

/** Rows of a topic as a table: of the columns that are named, else of every field. */
export function RowsTable({ title, rows, options }: { title: string; rows: Row[]; options: WidgetOptions }) {
  const shown = sorted(rows, options.sort).slice(0, options.limit ?? MOST_ROWS);
  return <DataTable label={`Rows of ${title}`} columns={columnsOf(shown, options.columns)} rows={shown} rowKey={({ key }) => key} />;
}

const byNumber = (rows: Row[]) => rows.every(({ key }) => /^\d{1,6}$/.test(key));

function columnsOf(rows: Row[], wanted: ColumnSpec[] | undefined): Column<Row>[] {
  // A key that only counts the rows says nothing.
  const key: ColumnSpec[] = byNumber(rows) ? [] : [{ field: "key", title: "Name" }];
  const columns = wanted ?? [...key, ...fieldNames(rows).map((field): ColumnSpec => ({ field }))].slice(0, MOST_COLUMNS);
  return columns.map(({ field, title, format, unit }, i) => {
    const value = ({ key, fields }: Row) => fieldAt(fields, field) ?? (field === "key" ? key : undefined);
    const numeric = format !== "time" && format !== "text" && rows.some((row) => isNumber(value(row)));
    return {
      title: title ?? inWords(field),
      numeric,
      wide: i === 0 && !numeric,
      cell: (row: Row) => (
        <span class={i === 0 ? "" : "long"}>
          <Written value={value(row)} format={format} unit={unit} />
        </span>
      ),
    };
  });
}

/** A widget's title where the dashboard gives none: after what it draws. */
export const named = ({ topic, metric, query, id }: WidgetSpec) => inWords(topic ?? metric ?? query ?? id);

export const tableKind: Kind = {
  type: "table",
  title: named,
  reads: null,
  place: { w: 6, height: 302 },
  component: Table,
};
