import { PANE, type ActivitySeries } from "../charts/activitySeries";
import { count, secondOfDay } from "../format";
import type { Pane } from "../live/data";
import { DataTable, type Column } from "../panel/DataTable";

type Row = { start: number; pane: Pane };

const columns: Column<Row>[] = [
  { title: "From", cell: ({ start }) => secondOfDay(start) },
  { title: "Events", numeric: true, cell: ({ pane }) => count(pane.y) },
  { title: "Expected", numeric: true, cell: ({ pane }) => (pane.exp === null ? "–" : count(pane.exp)) },
  {
    title: "Band",
    numeric: true,
    cell: ({ pane }) => (pane.lo === null || pane.hi === null ? "–" : `${count(pane.lo)}–${count(pane.hi)}`),
  },
  { title: "Score", numeric: true, cell: ({ pane }) => pane.score?.toFixed(1) ?? "–" },
  { title: "Note", wide: true, cell: ({ pane }) => <State pane={pane} /> },
];

/** The panes of the chart as rows, newest first. */
export function ActivityTable({ series }: { series: ActivitySeries }) {
  const rows = series.starts.flatMap((start, i) => {
    const pane = series.panes[i];
    return pane ? [{ start, pane }] : [];
  });
  return (
    <DataTable
      label={`Events per ${PANE} seconds`}
      columns={columns}
      rows={rows.reverse()}
      rowKey={(row) => row.start}
    />
  );
}

function State({ pane }: { pane: Pane }) {
  if (pane.open) return <span class="muted">still open</span>;
  return pane.anom ? <span class="anomaly">◇ anomaly</span> : null;
}
