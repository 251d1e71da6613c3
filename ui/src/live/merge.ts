import type { Policy } from "./frames";

type Fields = Record<string, unknown>;
type Columns = Record<string, unknown[]>;

/** The data after `delta`, as a new object: signals compare by identity. `cap` bounds the columns of `append`. */
export function merge(policy: Policy, cap: number, current: unknown, delta: unknown): unknown {
  switch (policy) {
    case "latest":
      return { ...(current as Fields), ...(delta as Fields) };
    case "upsert":
      return upsert(current as Fields, delta as Fields);
    case "append":
      return append(cap, current as Columns, delta as Columns);
  }
}

/** Sets rows by key; a null row deletes its key. */
function upsert(current: Fields, delta: Fields): Fields {
  const rows = { ...current };
  for (const [key, row] of Object.entries(delta)) {
    if (row === null) delete rows[key];
    else rows[key] = row;
  }
  return rows;
}

function append(cap: number, current: Columns, delta: Columns): Columns {
  const columns = { ...current };
  for (const [name, tail] of Object.entries(delta)) {
    const column = (columns[name] ?? []).concat(tail);
    columns[name] = cap > 0 && column.length > cap ? column.slice(-cap) : column;
  }
  return columns;
}
