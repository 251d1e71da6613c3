import { metricNamed } from "../definitions";
import { ends, shiftBack, utc, type Range, type Versus } from "../range";
import { asked as asOf } from "../moment";
import { shared } from "../shared/mode";
import { askMetric, metricAnswer, spanOf, type MetricAnswer } from "./metrics";
import { AskError, post, quoted, sql, type Result } from "./request";

/** The widget that asks: a link's reader names it, and sends nothing else. */
export type Asker = { dashboard: string; widget: string; filters: Record<string, string> };

type Over = { from: number; to: number; back?: number; bucket?: number; zone?: string; interval?: string; compare?: boolean; shape?: string };

const shown = <T>({ dashboard, widget, filters }: Asker, over: Over) => post<T>("/v1/shared/answer", { dashboard, widget, filters, ...over });

export const zoneHere = () => (utc.value ? "UTC" : Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC");

/** A metric over a range, and over what it is compared with; of one series where the dashboard is filtered by its key. */
export async function widgetMetric(asker: Asker, metric: string, range: Range, versus: Versus, points: number): Promise<MetricAnswer> {
  if (shared) {
    const span = spanOf(range, versus, points);
    const { rows } = await shown<Result>(asker, { from: span.from, to: span.to, back: span.back, bucket: span.bucket });
    return metricAnswer(rows, metric, range, span, points);
  }
  const key = metricNamed(metric)?.key ?? "";
  const chosen = asker.filters[key];
  const found = await askMetric(metric, range, versus, points);
  return chosen === undefined ? found : { ...found, series: found.series.filter((series) => series.key === chosen) };
}

/** A metric by the hour of the week, in UTC: by "weekday-hour", Monday 0. */
export async function widgetWeek(asker: Asker, metric: string, range: Range, aggregate: string): Promise<Record<string, number>> {
  const { from, to } = ends(range);
  const key = asker.filters[metricNamed(metric)?.key ?? ""];
  const { rows } = shared
    ? await shown<Result>(asker, { from, to, shape: "week" })
    : await sql(
        `SELECT (hour // 24 + 3) % 7 AS day, hour % 24 AS hour, sum(n)::DOUBLE AS n, sum(total) AS total
         FROM (SELECT floor(epoch(start) / 3600)::BIGINT AS hour, count AS n, sum AS total FROM metrics_latest
         WHERE metric = ${quoted(metric)} ${key === undefined ? "" : `AND key = ${quoted(key)}`} AND epoch(start) >= ${from} AND epoch(start) < ${to}) GROUP BY ALL`,
        200,
      );
  const value = (n: number, total: number | null) => (aggregate === "sum" ? (total ?? 0) : aggregate === "mean" ? (n > 0 ? (total ?? 0) / n : 0) : n);
  return Object.fromEntries((rows as [number, number, number, number | null][]).map(([day, hour, n, total]) => [`${day}-${hour}`, value(n, total)]));
}

const MOST_ROWS = 5_000;
const COLUMN = (name: string) => `"${name.replaceAll('"', '""')}"`;

/** A kept query over a range: `$since` and `$until` stand for it, and filters are on columns of its answer. */
export async function widgetQuery(asker: Asker, statement: string | undefined, name: string, range: Range): Promise<Result> {
  const { from, to } = ends(range);
  if (shared) return await shown<Result>(asker, { from, to });
  if (statement === undefined) throw new AskError(`Nobody keeps a query “${name}”. Keep one on the page SQL under this name, or choose another.`, "query", "No such query");
  const conditions = Object.entries(asker.filters).map(([field, value]) => `CAST(${COLUMN(field)} AS VARCHAR) = ${quoted(value)}`);
  const whole = conditions.length > 0 ? `SELECT * FROM (\n${statement.trim().replace(/;+$/, "")}\n) WHERE ${conditions.join(" AND ")}` : statement;
  return await sql(whole, MOST_ROWS, undefined, { from, to });
}

/** A typed question over a range, about the rows that the filters leave. */
export async function widgetQuestion<T>(asker: Asker, question: Record<string, unknown>, range: Range, versus: Versus): Promise<T> {
  const { from, to } = ends(range);
  const zone = zoneHere();
  const interval = range.seconds > 60 * 86_400 ? "week" : range.seconds > 3 * 86_400 ? "day" : "hour";
  const compare = versus === "prior" && question.ask === "trends";
  if (shared) return await shown<T>(asker, { from, to, zone, interval, compare });
  if (question.ask === "cohort") return await post<T>("/v1/questions", { ...question, zone, ...(range.span === null ? { until: String(to) } : {}), ...asOf() });
  return await post<T>("/v1/questions", asServedBy(asker, question, range, versus));
}

/** What is sent for it, for those who look behind a figure. */
export function asServedBy({ filters }: Asker, question: Record<string, unknown>, range: Range, versus: Versus): Record<string, unknown> {
  const { from, to } = ends(range);
  const interval = range.seconds > 60 * 86_400 ? "week" : range.seconds > 3 * 86_400 ? "day" : "hour";
  const where = [...((question.where as unknown[]) ?? []), ...Object.entries(filters).map(([name, value]) => ({ name, value }))];
  return {
    ...(question.ask === "trends" || question.ask === "users" ? { interval } : {}),
    ...(question.ask === "trends" && versus === "prior" ? { compare: "prior" } : {}),
    ...question,
    ...(where.length > 0 ? { where } : {}),
    since: range.span ?? String(from),
    ...(range.span === null ? { until: String(to) } : {}),
    zone: zoneHere(),
    ...asOf(),
  };
}

export const backOf = (range: Range, versus: Versus) => shiftBack(range, versus) ?? 0;
