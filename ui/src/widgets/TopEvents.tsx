import { Spark } from "../charts/Spark";
import { change, compact, count, signedPercent } from "../format";
import { useTopic } from "../live";
import type { TopEvent } from "../live/data";
import { DataTable, type Column } from "../panel/DataTable";
import { Empty } from "../panel/Empty";
import { Panel } from "../panel/Panel";
import { href } from "../router";
import type { Kind, Props } from "./kind";

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
  {
    title: "Change",
    numeric: true,
    cell: ({ n, prev }) => {
      const fraction = change(n, prev);
      return fraction === null ? (
        <span class="muted">new</span>
      ) : (
        <span title={`${count(prev ?? 0)} in the hour before`}>{signedPercent(fraction)}</span>
      );
    },
  },
  { title: "Trend", cell: ({ name, spark }) => <Spark values={spark} label={`${name}: trend`} /> },
];

/** What people do most. */
export function TopEvents({ title }: Props) {
  const topic = useTopic("top_events");
  return (
    <Panel
      title={title}
      topic={topic}
      shape="rows"
      note="last hour, against the one before"
      isEmpty={({ rows }) => rows.length === 0}
      empty={
        <Empty title="No events in the last hour">
          <span>Event names are ranked here as they come in.</span>
        </Empty>
      }
    >
      {({ rows }) => (
        <DataTable
          label="Most frequent events of the last hour"
          columns={columns}
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
  range: "own",
  component: TopEvents,
};
