import type { Result } from "../ask/request";

/** How a result can be drawn: lines over a time, bars by a name, or not at all. */
export type Drawing =
  | { as: "lines"; times: number[]; lines: { name: string; values: (number | null)[] }[] }
  | { as: "bars"; bars: { name: string; value: number }[] }
  | null;

const TIMES = /^(TIMESTAMP|DATE)/;
const NUMBERS = /^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|DOUBLE|FLOAT|DECIMAL)/;
const MOST_LINES = 6;
const MOST_BARS = 30;

/**
 * The drawing that a result's columns suggest. A time first: each number a line, or with one name beside one number, a line for each
 * name. A name first and a number: bars.
 */
export function drawingOf({ columns, rows }: Result): Drawing {
  const of = (wanted: RegExp) => columns.flatMap(({ type }, i) => (wanted.test(type) ? [i] : []));
  const [time] = of(TIMES);
  const numbers = of(NUMBERS);
  const [name] = columns.flatMap(({ type }, i) => (type === "VARCHAR" ? [i] : []));
  if (rows.length < 2 || numbers.length === 0) return null;
  if (time !== undefined) return linesOf(columns, rows, time, numbers, name);
  if (name === undefined) return null;
  const known = rows.filter((row) => typeof row[numbers[0]!] === "number");
  return { as: "bars", bars: known.slice(0, MOST_BARS).map((row) => ({ name: String(row[name] ?? "–"), value: row[numbers[0]!] as number })) };
}

function linesOf(columns: Result["columns"], rows: unknown[][], time: number, numbers: number[], name: number | undefined): Drawing {
  const at = (row: unknown[]) => Date.parse(String(row[time])) / 1_000;
  const known = rows.filter((row) => Number.isFinite(at(row)));
  const times = [...new Set(known.map(at))].sort((a, b) => a - b);
  if (times.length < 2) return null;
  const place = new Map(times.map((each, i) => [each, i]));
  const values = new Map<string, (number | null)[]>();
  for (const row of known) {
    for (const column of name === undefined ? numbers : numbers.slice(0, 1)) {
      const line = name === undefined ? columns[column]!.name : String(row[name] ?? "–");
      const points = values.get(line) ?? times.map(() => null);
      values.set(line, points);
      if (typeof row[column] === "number") points[place.get(at(row))!] = row[column];
    }
  }
  const weight = (points: (number | null)[]) => points.reduce<number>((sum, each) => sum + Math.abs(each ?? 0), 0);
  const lines = [...values].map(([name, values]) => ({ name, values }));
  if (name !== undefined) lines.sort((a, b) => weight(b.values) - weight(a.values));
  return { as: "lines", times, lines: lines.slice(0, MOST_LINES) };
}
