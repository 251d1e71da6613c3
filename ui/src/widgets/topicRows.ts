/** What a widget reads of a topic whose shape only its dashboard knows: fields by their way, and rows. */

export type Fields = Record<string, unknown>;
export type Row = { key: string; fields: Fields };

/** A dashboard asks for what the topic does not have: said in the widget's place, with what there is. */
export class NotThere extends Error {}

const isObject = (value: unknown): value is Fields => typeof value === "object" && value !== null && !Array.isArray(value);

/** What stands at `orders.today`; a key may hold dots itself, and is tried whole first. Undefined where nothing does. */
export function fieldAt(data: unknown, way: string): unknown {
  if (Array.isArray(data)) {
    const cut = way.indexOf(".");
    const place = Number(cut < 0 ? way : way.slice(0, cut));
    const item: unknown = Number.isInteger(place) ? data.at(place) : undefined;
    return cut < 0 ? item : fieldAt(item, way.slice(cut + 1));
  }
  if (!isObject(data)) return undefined;
  if (way in data) return data[way];
  for (let cut = way.indexOf("."); cut >= 0; cut = way.indexOf(".", cut + 1)) {
    const inside = data[way.slice(0, cut)];
    const found = inside === undefined ? undefined : fieldAt(inside, way.slice(cut + 1));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** "a, b and 3 more" of the fields that there are, for a message. */
export function fieldsThere(data: unknown): string {
  const names = isObject(data) ? Object.keys(data) : [];
  if (names.length === 0) return "nothing yet";
  return names.length > 8 ? `${names.slice(0, 8).join(", ")} and ${names.length - 8} more` : names.join(", ");
}

/**
 * The rows at `way`, or of all of the data: a list; an object of objects or of plain values by key; or columns of one
 * length. A plain value is a row with the one field `value`. Throws `NotThere`.
 */
export function rowsAt(data: unknown, way?: string): Row[] {
  const found = way === undefined ? data : fieldAt(data, way);
  if (Array.isArray(found)) return found.map((item, i) => ({ key: String(i + 1), fields: fieldsOf(item) }));
  if (!isObject(found)) throw new NotThere(`The topic has no rows at “${way}”; it has ${fieldsThere(data)}`);
  const entries = Object.entries(found);
  const columns = entries.filter((entry): entry is [string, unknown[]] => Array.isArray(entry[1]));
  if (columns.length > 0 && columns.length === entries.length) return rowsOfColumns(columns);
  return entries.map(([key, value]) => ({ key, fields: fieldsOf(value) }));
}

const fieldsOf = (value: unknown): Fields => (isObject(value) ? value : { value });

function rowsOfColumns(columns: [string, unknown[]][]): Row[] {
  const length = Math.max(...columns.map(([, values]) => values.length));
  return Array.from({ length }, (_, i) => ({
    key: String(i),
    fields: Object.fromEntries(columns.map(([name, values]) => [name, values[i]])),
  }));
}

/** The fields that at least one of the rows has, in the order in which they come. */
export function fieldNames(rows: Row[]): string[] {
  return [...new Set(rows.slice(0, 100).flatMap(({ fields }) => Object.keys(fields)))];
}

/** The rows by a field, with a minus before it for the largest first; what has no value comes last. */
export function sorted(rows: Row[], by: string | undefined): Row[] {
  if (!by) return rows;
  const down = by.startsWith("-");
  const way = down ? by.slice(1) : by;
  const value = ({ key, fields }: Row) => fieldAt(fields, way) ?? (way === "key" ? key : undefined);
  return [...rows].sort((a, b) => {
    const [x, y] = [value(a), value(b)];
    if (x == null || y == null) return Number(x == null) - Number(y == null);
    const order = typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y), "en", { numeric: true });
    return down ? -order : order;
  });
}

export const isNumber = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);

/** Seconds since 1970 of a number, of digits, or of a time in ISO 8601; null where it is none of them. */
export function secondsAt(value: unknown): number | null {
  if (isNumber(value)) return value;
  if (typeof value !== "string" || value === "") return null;
  const number = Number(value);
  if (Number.isFinite(number)) return number;
  const at = Date.parse(value);
  return Number.isNaN(at) ? null : at / 1_000;
}

/** "orders_by_city" as "Orders by city". */
export function inWords(name: string): string {
  const words = name.replaceAll(/[_.]+/g, " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}
