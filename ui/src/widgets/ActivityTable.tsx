import type { ActivitySeries } from "../charts/activitySeries";
import { Explained } from "../explain/Number";
import { count, dayAndMinute, duration, secondOfDay } from "../format";
import type { Pane } from "../live/data";
import { DataTable, type Column } from "../panel/DataTable";

type Row = { start: number; pane: Pane; before: number | null };

const written = (value: number | null) => (value === null ? "–" : count(Math.round(value)));

function columnsOf({ pane: length }: ActivitySeries, comparison: string): Column<Row>[] {
  const at = length < 60 ? secondOfDay : dayAndMinute;
  const live = length < 60;
  return [
    { title: "From", cell: ({ start }) => at(start) },
    {
      title: "Events",
      numeric: true,
      cell: ({ start, pane }) => (
        <Explained why={{ measure: "events_total", from: start, to: start + length, value: pane.y }}>{count(pane.y)}</Explained>
      ),
    },
    ...(comparison ? [{ title: comparison, numeric: true, cell: ({ before }: Row) => written(before) }] : []),
    ...(live ? judged : []),
    { title: "Note", wide: true, cell: ({ pane }) => <State pane={pane} /> },
  ];
}

const judged: Column<Row>[] = [
  { title: "Expected", numeric: true, cell: ({ pane }) => written(pane.exp) },
  {
    title: "Band",
    numeric: true,
    cell: ({ pane }) => (pane.lo === null || pane.hi === null ? "–" : `${count(pane.lo)}–${count(pane.hi)}`),
  },
  { title: "Score", numeric: true, cell: ({ pane }) => pane.score?.toFixed(1) ?? "–" },
];

/** The panes of the chart as rows, newest first. */
export function ActivityTable({ series, comparison }: { series: ActivitySeries; comparison: string }) {
  const rows = series.starts.flatMap((start, i) => {
    const pane = series.panes[i];
    return pane ? [{ start, pane, before: series.before[i] ?? null }] : [];
  });
  return (
    <DataTable
      label={`Events per ${duration(series.pane)}`}
      columns={columnsOf(series, comparison)}
      rows={rows.reverse()}
      rowKey={(row) => row.start}
    />
  );
}

function State({ pane }: { pane: Pane }) {
  if (pane.open) return <span class="muted">still open</span>;
  return pane.anom ? <span class="anomaly">◇ anomaly</span> : null;
}
