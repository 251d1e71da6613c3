import { metricNamed } from "../definitions";
import { ends, shiftBack, type Range, type Versus } from "../range";
import { asked as askedMoment } from "../moment";
import { get, quoted, sql } from "./request";

/** Points of a trend over the range. */
export const POINTS = 30;
/** Ranges of so many seconds begin at a whole hour: then the server has their buckets rolled up. */
const LONG = 7 * 86_400;
/** Seconds after its end within which a window closes and its sample is there. */
const SETTLES = 30;
/** Series of one metric that are kept apart, the largest first; the others are left out of the answer. */
const MOST_ROWS = 10_000;

/** One bucket of one series: its windows' figures added up. `at` counts buckets from the range's start. */
export type Bucket = { at: number; count: number; sum: number; min: number | null; max: number | null; distinct: number | null };

export type Series = { key: string; now: Bucket[]; before: Bucket[] };

/**
 * `closed`: how many of the range's buckets are full; later ones still wait for windows to close. `back`: how many seconds before
 * the range what it is compared with begins.
 */
export type MetricAnswer = { series: Series[]; from: number; to: number; back: number; bucket: number; closed: number };

export type Aggregate = "count" | "sum" | "mean" | "min" | "max" | "distinct";

type Asked = { metric: string; resolve: (answer: MetricAnswer) => void; reject: (error: unknown) => void };

const waiting = new Map<string, { range: Range; versus: Versus; points: number; asked: Asked[] }>();

/** A metric over a range, and over what it is compared with. Questions of one moment go to the server together. */
export function askMetric(metric: string, range: Range, versus: Versus, points = POINTS): Promise<MetricAnswer> {
  const group = `${range.key} ${versus} ${points}`;
  return new Promise((resolve, reject) => {
    const together = waiting.get(group);
    if (together) return void together.asked.push({ metric, resolve, reject });
    waiting.set(group, { range, versus, points, asked: [{ metric, resolve, reject }] });
    setTimeout(() => void send(group));
  });
}

export type AskedSpan = { from: number; to: number; back: number; bucket: number };

/** The ends of a range, its buckets, and how far back what it is compared with begins. */
export function spanOf(range: Range, versus: Versus, points: number): AskedSpan {
  const { from: first, to } = ends(range);
  const edge = edgeOf(range);
  const from = Math.floor(first / edge) * edge;
  const bucket = Math.max(10, Math.ceil((to - from) / points / edge) * edge);
  return { from, to, back: shiftBack(range, versus) ?? 0, bucket };
}

/** Of a long range the buckets begin with whole hours, for which the server has figures ready; in seconds. */
const edgeOf = (range: Range) => (range.seconds >= LONG ? 3_600 : 1);

/** The answer of one metric, of the rows of several. */
export function metricAnswer(rows: unknown[][], metric: string, range: Range, { from, to, back, bucket }: AskedSpan, points: number): MetricAnswer {
  const settled = range.span === null ? to : to - (metricNamed(metric)?.width_s ?? 0) - SETTLES;
  const closed = Math.max(0, Math.min(points, Math.floor((settled - from) / bucket)));
  return { series: seriesOf(rows, metric), from, to, back, bucket, closed };
}

async function send(group: string) {
  const { range, versus, points, asked } = waiting.get(group)!;
  waiting.delete(group);
  const span = spanOf(range, versus, points);
  const { from, to, back, bucket } = span;
  const edge = edgeOf(range);
  const names = [...new Set(asked.map(({ metric }) => metric))];
  const start = from - back;
  const rolledUp = () =>
    get<{ rows: unknown[][] }>("/v1/metrics/range", {
      ...askedMoment(),
      metric: names,
      since: from,
      until: to,
      bucket,
      before: back > 0 ? back : "",
    });
  const prior = `epoch(start) < ${from - back + range.seconds}`;
  const statement = `
    SELECT metric, coalesce(key, '') AS key, epoch(start) >= ${from} AS is_now,
      floor((epoch(start) - if(epoch(start) >= ${from}, ${from}, ${start})) / ${bucket})::INT AS place,
      sum(count) AS n, sum(sum) AS total, min(min) AS least, max(max) AS most, max(distinct_count) AS people
    FROM metrics_latest
    WHERE metric IN (${names.map(quoted).join(", ")}) AND epoch(start) >= ${start} AND epoch(start) < ${to}
      AND (epoch(start) >= ${from} OR ${prior})
    GROUP BY ALL ORDER BY metric, key, is_now, place`;
  try {
    const { rows } = await (edge > 1 ? rolledUp() : sql(statement, MOST_ROWS));
    for (const { metric, resolve } of asked) resolve(metricAnswer(rows, metric, range, span, points));
  } catch (error) {
    for (const { reject } of asked) reject(error);
  }
}

type Row = [string, string, boolean, number, number, number | null, number | null, number | null, number | null];

/** The largest series first. */
function seriesOf(rows: unknown[][], metric: string): Series[] {
  const found = new Map<string, Series>();
  for (const [name, key, now, at, count, sum, min, max, distinct] of rows as Row[]) {
    if (name !== metric) continue;
    const series = found.get(key) ?? { key, now: [], before: [] };
    found.set(key, series);
    series[now ? "now" : "before"].push({ at, count, sum: sum ?? 0, min, max, distinct });
  }
  const weight = (series: Series) => total(series.now, "count") ?? 0;
  return [...found.values()].sort((a, b) => weight(b) - weight(a));
}

/** One aggregate over several buckets; null where none of them has it. */
export function total(buckets: Bucket[], aggregate: Aggregate): number | null {
  const known = (values: (number | null)[]) => values.filter((value): value is number => value !== null);
  const counted = buckets.reduce((n, bucket) => n + bucket.count, 0);
  const summed = buckets.reduce((n, bucket) => n + bucket.sum, 0);
  switch (aggregate) {
    case "count":
      return counted;
    case "sum":
      return summed;
    case "mean":
      return counted > 0 ? summed / counted : null;
    case "min":
      return least(known(buckets.map(({ min }) => min)));
    case "max":
      return most(known(buckets.map(({ max }) => max)));
    case "distinct":
      return most(known(buckets.map(({ distinct }) => distinct)));
  }
}

const least = (values: number[]) => (values.length > 0 ? Math.min(...values) : null);
const most = (values: number[]) => (values.length > 0 ? Math.max(...values) : null);

/** The aggregate of each bucket of the range; a bucket without a row is 0 of what is counted, and else a gap. */
export function trend(buckets: Bucket[], aggregate: Aggregate, points: number): (number | null)[] {
  const nothing = aggregate === "count" || aggregate === "sum" ? 0 : null;
  const values = Array.from({ length: points }, (): number | null => nothing);
  for (const bucket of buckets) if (bucket.at >= 0 && bucket.at < points) values[bucket.at] = total([bucket], aggregate);
  return values;
}

/** All series as one. */
export function whole(series: Series[]): Series {
  const all = (which: "now" | "before") => series.flatMap((each) => each[which]);
  const [now, before] = [all("now"), all("before")];
  return { key: "", now: merged(now), before: merged(before) };
}

function merged(buckets: Bucket[]): Bucket[] {
  const byAt = new Map<number, Bucket[]>();
  for (const bucket of buckets) byAt.set(bucket.at, [...(byAt.get(bucket.at) ?? []), bucket]);
  return [...byAt].map(([at, group]) => ({
    at,
    count: total(group, "count") ?? 0,
    sum: total(group, "sum") ?? 0,
    min: total(group, "min"),
    max: total(group, "max"),
    distinct: total(group, "distinct"),
  }));
}
