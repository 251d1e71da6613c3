import { get, sql } from "../ask/request";
import { useAnswer } from "../ask/useAnswer";
import { asked } from "../moment";
import { DataTable } from "../panel/DataTable";
import { Empty } from "../panel/Empty";
import { Panel } from "../panel/Panel";
import { columnsOf, keyOf, type Row } from "../panel/rowColumns";
import type { Captured } from "./routes";

const LIMIT = 200;
const REFRESH_MS = 5_000;

/** The newest rows of any stream, as they are in the log: what a figure's exceptions are. */
export function StreamPage({ captured }: { captured: Captured }) {
  const name = captured.name ?? "";
  const answer = useAnswer(name, () => newest(name), REFRESH_MS);
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

/** By the time they were received; with hindsight at a moment of the past, by the time they are of. Throws `AskError`. */
async function newest(stream: string): Promise<Row[]> {
  const { as_of, valid_at } = asked();
  if (valid_at === undefined) {
    const path = `/v1/streams/${encodeURIComponent(stream)}`;
    return (await get<{ rows: Row[] }>(path, { last: LIMIT, ...(as_of ? { as_of } : {}) })).rows.reverse();
  }
  const name = `"${stream.replaceAll('"', '""')}"`;
  const { columns, rows } = await sql(`SELECT * FROM ${name} ORDER BY time DESC, row_offset DESC LIMIT ${LIMIT}`, LIMIT);
  return rows.map((row) => Object.fromEntries(columns.map((column, i) => [column.name, row[i]])));
}
