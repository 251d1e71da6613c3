import { ends, type Range, type Versus } from "../range";
import { sql } from "./request";
import { askedSpan } from "./span";

/** Points of the activity chart over a long range. */
const POINTS = 120;
const MOST_ROWS = 2_000;

/** One figure over the range: in all, over what it is compared with, and by bucket. */
export type Summed = { now: number; before: number | null; trend: number[]; trendBefore: number[] };

export type Activity = { from: number; to: number; bucket: number; events: Summed; users: Summed; refused: Summed };

type Row = ["event" | "refused", boolean, number | null, number, number];

const waiting = new Map<string, Promise<Activity>>();

/** Events, active users and refused rows over a range. Widgets that ask at one moment share one question. */
export function askActivity(range: Range, versus: Versus): Promise<Activity> {
  const key = `${range.key} ${versus}`;
  const under = waiting.get(key) ?? asked(range, versus).finally(() => waiting.delete(key));
  waiting.set(key, under);
  return under;
}

async function asked(range: Range, versus: Versus): Promise<Activity> {
  const { from, to, bucket, points, within, isNow, place } = askedSpan(range, versus, POINTS);
  const counted = (what: string, people: string, stream: string) => `
    SELECT '${what}' AS what, is_now, place, count(*) AS n, ${people} AS people
    FROM (SELECT *, ${isNow} AS is_now, ${place} AS place FROM ${stream} WHERE ${within})
    GROUP BY GROUPING SETS ((is_now, place), (is_now))`;
  const statement = `${counted("event", "count(DISTINCT subject)", "user_interactions")}
    UNION ALL ${counted("refused", "0", "dead_letters")}`;
  const rows = (await sql(statement, MOST_ROWS)).rows as Row[];
  const compared = versus !== "none";
  const figure = (what: Row[0], value: (row: Row) => number): Summed => {
    const mine = rows.filter((row) => row[0] === what);
    const whole = (now: boolean) => mine.filter(([, isNow, at]) => isNow === now && at === null).map(value)[0] ?? 0;
    const buckets = (now: boolean) => {
      const values = Array.from({ length: points }, () => 0);
      for (const row of mine) if (row[1] === now && row[2] !== null && row[2] < points) values[row[2]] = value(row);
      return values;
    };
    return {
      now: whole(true),
      before: compared ? whole(false) : null,
      trend: buckets(true),
      trendBefore: compared ? buckets(false) : [],
    };
  };
  const n = (row: Row) => row[3];
  return { from, to, bucket, events: figure("event", n), users: figure("event", (row) => row[4]), refused: figure("refused", n) };
}

export type Frequent = { name: string; source: string; n: number; prev: number | null; spark: number[] };

/** What happens most over a range. */
export async function askFrequent(range: Range, versus: Versus): Promise<{ rows: Frequent[] }> {
  const { points, within, isNow, place } = askedSpan(range, versus, 30);
  const { rows } = await sql(
    `WITH counted AS (
       SELECT type, source, is_now, place, count(*) AS n
       FROM (SELECT type, source, ${isNow} AS is_now, ${place} AS place FROM user_interactions WHERE ${within}) GROUP BY ALL),
     frequent AS (SELECT type, source, sum(n) AS total FROM counted WHERE is_now GROUP BY ALL ORDER BY total DESC, type, source LIMIT 8)
     SELECT type, source, is_now, place, n FROM counted JOIN frequent USING (type, source) ORDER BY total DESC, type, source, place`,
    MOST_ROWS,
  );
  const found = new Map<string, Frequent>();
  for (const [name, source, now, at, n] of rows as [string, string, boolean, number, number][]) {
    const key = `${source} ${name}`;
    const row = found.get(key) ?? { name, source, n: 0, prev: null, spark: Array.from({ length: points }, () => 0) };
    found.set(key, row);
    if (now) {
      row.n += n;
      if (at < points) row.spark[at] = n;
    } else row.prev = (row.prev ?? 0) + n;
  }
  return { rows: [...found.values()] };
}

/** Events by weekday and hour in UTC over a range, as the topic `activity_heat` has them: "weekday-hour", Monday 0. */
export async function askWeek(range: Range): Promise<Record<string, number>> {
  const { within } = askedSpan(range, "none", 1);
  const { rows } = await sql(
    `SELECT (hour // 24 + 3) % 7 AS day, hour % 24 AS hour, sum(n)::BIGINT AS n
     FROM (SELECT floor(epoch(time) / 3600)::BIGINT AS hour, count(*) AS n FROM user_interactions WHERE ${within} GROUP BY ALL)
     GROUP BY ALL`,
    200,
  );
  return Object.fromEntries((rows as [number, number, number][]).map(([day, hour, n]) => [`${day}-${hour}`, n]));
}

/** Alerts that were pending or fired within a range of the past, each as it stood at its end. */
export async function askAlerts(range: Range) {
  const { from, to } = ends(range);
  const { rows } = await sql(
    `SELECT alert, arg_max(rule, time), arg_max(key, time), arg_max(severity, time), arg_max(message, time),
       epoch(max(time)), arg_max(type, time), max(acknowledged_by)
     FROM alerts WHERE type <> 'alert.revised' AND time < to_timestamp(${to}) GROUP BY alert
     HAVING max(time) >= to_timestamp(${from}) OR arg_max(type, time) IN ('alert.fired', 'alert.acknowledged')
     ORDER BY max(time) DESC LIMIT 200`,
    200,
  );
  return rows as [string, string, string | null, string, string | null, number, string, string | null][];
}
