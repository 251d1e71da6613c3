import { get } from "../ask/request";
import { useAnswer } from "../ask/useAnswer";
import { dayAndMinute, figure, secondOfDay, secondsOf } from "../format";
import { DataTable, type Column } from "../panel/DataTable";
import { Empty } from "../panel/Empty";
import { Panel } from "../panel/Panel";
import type { Captured } from "./routes";

const LIMIT = 200;
const REFRESH_MS = 5_000;
const MOST_COLUMNS = 9;
/** What is the same in every row, or says nothing to a reader. */
const HIDDEN = new Set(["tenant", "partition_key", "cause", "id", "producer", "row_producer", "offset", "row_offset"]);

type Row = Record<string, unknown>;

/** The newest rows of any stream, as they are in the log: what a figure's exceptions are. */
export function StreamPage({ captured }: { captured: Captured }) {
  const name = captured.name ?? "";
  const answer = useAnswer(
    name,
    async () => (await get<{ rows: Row[] }>(`/v1/streams/${encodeURIComponent(name)}`, { last: LIMIT })).rows.reverse(),
    REFRESH_MS,
  );
  return (
    <div class="fill">
      <Panel
        title={`Rows of ${name}`}
        topic={answer}
        shape="rows"
        note={`newest first, ${LIMIT} at most`}
        isEmpty={(rows) => rows.length === 0}
        empty={
          <Empty title="This stream has no rows">
            <span>That is good news where it lists what went wrong.</span>
          </Empty>
        }
      >
        {(rows) => <DataTable label={`Rows of ${name}, newest first`} columns={columnsOf(rows)} rows={rows} rowKey={keyOf} />}
      </Panel>
    </div>
  );
}

const keyOf = (row: Row) => `${row.row_producer ?? row.producer} ${row.row_offset ?? row.offset}`;

/** The columns that say something in at least one row. */
function columnsOf(rows: Row[]): Column<Row>[] {
  const names = Object.keys(rows[0] ?? {}).filter(
    (name) => !HIDDEN.has(name) && rows.some((row) => row[name] !== null && row[name] !== ""),
  );
  const inOrder = ["time", ...names.filter((name) => name !== "time")].slice(0, MOST_COLUMNS);
  return inOrder.map((name) => ({
    title: name,
    numeric: rows.some((row) => typeof row[name] === "number"),
    cell: (row) => <span class="long">{written(row[name])}</span>,
  }));
}

const ISO = /^\d{4}-\d\d-\d\dT/;

function written(value: unknown): string {
  if (value === null || value === undefined) return "–";
  if (typeof value === "number") return figure(value);
  if (typeof value === "string" && ISO.test(value)) {
    const at = secondsOf(value);
    return Date.now() / 1_000 - at < 86_400 ? secondOfDay(at) : dayAndMinute(at);
  }
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
