import type { ColumnSpec, WidgetOptions } from "../definitions";
import { DataTable, type Column } from "../panel/DataTable";
import type { Kind, Props } from "./kind";
import { TopicPanel } from "./TopicPanel";
import { fieldAt, fieldNames, inWords, isNumber, sorted, type Row } from "./topicRows";
import { Written } from "./writing";

export const MOST_ROWS = 100;
const MOST_COLUMNS = 9;

/** The rows of any topic, with the columns that the dashboard names. */
function Table({ widget, title }: Props) {
  const { topic = "", options = {} } = widget;
  return (
    <TopicPanel title={title} topic={topic} way={options.rows} shape="rows">
      {(rows) => <RowsTable title={title} rows={rows} options={options} />}
    </TopicPanel>
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

export const tableKind: Kind = {
  type: "table",
  title: ({ topic, id }) => inWords(topic ?? id),
  reads: null,
  place: { w: 6, height: 302 },
  component: Table,
};
