import { askFrequent } from "../ask/activity";
import { useOverRange } from "../ask/useOverRange";
import { Spark } from "../charts/Spark";
import { change, compact, count, signedPercent } from "../format";
import type { TopEvent } from "../live/data";
import { DataTable, type Column } from "../panel/DataTable";
import { Empty } from "../panel/Empty";
import { Panel } from "../panel/Panel";
import { comparison, followsLive, range, versus } from "../range";
import { shared } from "../shared/mode";
import { href } from "../router";
import type { Kind, Props } from "./kind";

const changed: Column<TopEvent> = {
  title: "Change",
  numeric: true,
  cell: ({ n, prev }) => {
    const fraction = change(n, prev);
    return fraction === null ? (
      <span class="muted">new</span>
    ) : (
      <span title={`${count(prev ?? 0)} ${comparison.value}`}>{signedPercent(fraction)}</span>
    );
  },
};

const columns: Column<TopEvent>[] = [
  {
    title: "Event",
    wide: true,
    cell: ({ name, source }) => (
      <a class="cell-link" href={href(["events"], { type: name, source })} title={`The newest: ${name}`}>
        <b>{name}</b>
        <small>{source}</small>
      </a>
    ),
  },
  { title: "Events", numeric: true, cell: ({ n }) => compact(n) },
  changed,
  { title: "Trend", cell: ({ name, spark }) => <Spark values={spark} label={`${name}: trend`} /> },
];

/** What people do most. The live view is of the last hour, against the one before. */
export function TopEvents({ title }: Props) {
  const live = shared || (followsLive.value && range.value.span === "1h");
  const topic = useOverRange("top_events", askFrequent, live);
  const compared = live && versus.value !== "none" ? "prior 1h" : comparison.value;
  return (
    <Panel
      title={title}
      topic={topic}
      shape="rows"
      note={`${live ? "last 1h" : range.value.span ? `last ${range.value.label}` : "the range chosen"}${compared && `, against ${compared}`}`}
      isEmpty={({ rows }) => rows.length === 0}
      empty={
        <Empty title="No events in this range">
          <span>Event names are ranked here as they come in. Or choose a longer range in the top bar.</span>
        </Empty>
      }
    >
      {({ rows }) => (
        <DataTable
          label="Most frequent events"
          columns={versus.value === "none" ? columns.filter((column) => column !== changed) : columns}
          rows={rows}
          rowKey={({ source, name }) => `${source} ${name}`}
        />
      )}
    </Panel>
  );
}

export const topEventsKind: Kind = {
  type: "top_events",
  title: () => "Top events",
  reads: "top_events",
  place: { w: 4, height: 302 },
  component: TopEvents,
};
