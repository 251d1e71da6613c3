import { dayAndMinute, figure, secondOfDay, secondsOf } from "../format";
import { clock } from "../moment";
import type { Column } from "./DataTable";

const MOST_COLUMNS = 9;
/** What is the same in every row, or says nothing to a reader. */
const HIDDEN = new Set(["tenant", "partition_key", "cause", "id", "producer", "row_producer", "offset", "row_offset"]);

/** A row of any stream, by the names of its columns. */
export type Row = Record<string, unknown>;

export const keyOf = (row: Row) => `${row.row_producer ?? row.producer} ${row.row_offset ?? row.offset}`;

/** The columns that say something in at least one row. */
export function columnsOf(rows: Row[]): Column<Row>[] {
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
    return Math.abs(clock.peek() / 1_000 - at) < 86_400 ? secondOfDay(at) : dayAndMinute(at);
  }
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
