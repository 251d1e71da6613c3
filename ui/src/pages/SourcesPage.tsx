import { sources, type Source } from "../ask/sources";
import { useAnswer } from "../ask/useAnswer";
import { count, duration } from "../format";
import { DataTable, type Column } from "../panel/DataTable";
import { Empty } from "../panel/Empty";
import { Panel } from "../panel/Panel";
import { href } from "../router";
import { AddSource } from "./AddSource";
import { DeadLetters } from "./DeadLetters";

const EVERY_MS = 5_000;

const columns: Column<Source>[] = [
  {
    title: "Source",
    wide: true,
    cell: ({ name, last_error, note, state }) => (
      <span class="cell-link">
        <b>{name}</b>
        <small class={state === "retrying" ? "complaint" : ""}>{state === "retrying" ? last_error : note || " "}</small>
      </span>
    ),
  },
  { title: "State", cell: ({ state }) => <span class={state === "reading" ? "chip" : "chip warn"}>{state === "retrying" ? "▲ fails, is tried again" : state}</span> },
  { title: "Kind", roomy: true, cell: ({ kind }) => kind },
  { title: "Stream", roomy: true, cell: ({ stream }) => <a class="cell-link short" href={href(["streams", stream])}>
        {stream}
      </a> },
  { title: "Rows", numeric: true, cell: ({ rows }) => count(rows) },
  { title: "Refused", roomy: true, numeric: true, cell: ({ refused }) => count(refused) },
  { title: "Newest row", numeric: true, cell: ({ row_s_ago }) => (row_s_ago === null ? "–" : `${duration(row_s_ago)} ago`) },
  { title: "Lag", roomy: true, numeric: true, cell: ({ lag_s }) => (lag_s === null ? "–" : duration(lag_s)) },
  { title: "Behind", roomy: true, numeric: true, cell: ({ behind }) => (behind === null ? "–" : count(behind)) },
];

/** What the system reads by itself, how each source fares, and the rows that could not be taken. */
export function SourcesPage() {
  const read = useAnswer("sources", sources, EVERY_MS);
  const all = read.data.value ?? [];
  const failing = all.filter(({ state }) => state === "retrying").length;
  return (
    <>
      <Panel
        title="Sources"
        topic={read}
        shape="rows"
        note={`${count(all.length)} that the system reads by itself${failing > 0 ? `, ${count(failing)} of them ${failing === 1 ? "fails" : "fail"}` : ""}`}
        tools={<AddSource added={read.retry} />}
        isEmpty={() => all.length === 0}
        empty={
          <Empty title="Nothing is read yet">
            <span>
              Add a metrics endpoint, an API, a database, a feed, a log or a topic here, or with <code>hindcast sources add</code>.
            </span>
          </Empty>
        }
      >
        {(found) => (
          <DataTable
            label="Sources, those that fail first"
            columns={columns}
            rows={[...found].sort((a, b) => Number(b.state === "retrying") - Number(a.state === "retrying") || a.name.localeCompare(b.name))}
            rowKey={({ name }) => name}
          />
        )}
      </Panel>
      <DeadLetters />
    </>
  );
}
