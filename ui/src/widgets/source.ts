import { computed } from "@preact/signals";
import { useMemo } from "preact/hooks";
import { widgetQuery, widgetQuestion } from "../ask/widget";
import { useAnswer } from "../ask/useAnswer";
import { useNamedTopic } from "../ask/useTopic";
import type { Behind } from "../behind";
import type { WidgetOptions, WidgetSpec } from "../definitions";
import type { Funnel, Trends, Users } from "../explore/questions";
import { secondsOf } from "../format";
import type { View } from "../live/topic";
import { versus } from "../range";
import { href } from "../router";
import { savedQueries } from "../sql/kept";
import { drawingOf } from "../sql/drawing";
import type { Result } from "../ask/request";
import { keyOf, useAround, useRange } from "./context";
import { rowsAt, type Fields } from "./topicRows";

/** How often a question over the log is asked while its range ends now. */
const REFRESH_MS = 30_000;

/** What a widget draws, whatever it comes from: data with rows or fields in them, and the options by which they are read. */
export type Source = { view: View<unknown>; options: WidgetOptions; behind: Behind | null; what: string };

/** The data of a widget over a topic, a kept query or a typed question. */
export function useSource(widget: WidgetSpec): Source {
  const { topic, query, question } = widget;
  const around = useAround();
  const range = useRange();
  const asker = { dashboard: around.dashboard, widget: widget.id, filters: around.filters };
  const live = useFiltered(useNamedTopic(topic ?? "", topic !== undefined), widget, around.filters);
  const kept = savedQueries.value.find(({ name }) => name === query)?.spec.sql;
  const said = JSON.stringify(question ?? query ?? "");
  const answer = useAnswer<Fitted>(
    `${said} ${kept ?? ""} ${widget.type} ${range.key} ${versus.value} ${keyOf(around.filters)}`,
    async () =>
      question
        ? fitQuestion(widget, await widgetQuestion<Record<string, unknown>>(asker, question, range, versus.value))
        : fitQuery(widget, await widgetQuery(asker, kept, query ?? "", range)),
    range.span ? REFRESH_MS : 0,
    topic === undefined,
  );
  const fitted = useMemo(() => fittedView(answer), [answer]);
  if (topic !== undefined) return { view: live, options: widget.options ?? {}, behind: { link: href(["topics", topic]), says: `The topic ${topic} that it comes from` }, what: `The topic ${topic}` };
  const options = { ...answer.data.value?.options, ...widget.options };
  const behind = query !== undefined ? { link: href(["sql", query]), says: `The query ${query} that it comes from` } : exploring(question);
  return { view: fitted, options, behind, what: query !== undefined ? `The query ${query}` : "The answer" };
}

/** A question's data as a widget of that type reads them. */
type Fitted = { data: unknown; options: WidgetOptions };

function fittedView(answer: View<Fitted>): View<unknown> {
  return {
    name: answer.name,
    data: computed(() => answer.data.value?.data ?? null),
    receivedAt: answer.receivedAt,
    problem: answer.problem,
    stale: answer.stale,
    retry: answer.retry,
  };
}

/** Only the rows of a topic that the reader filters by; those that have no such field stay. */
function useFiltered(view: View<unknown>, widget: WidgetSpec, filters: Record<string, string>): View<unknown> {
  const key = keyOf(filters);
  return useMemo(() => {
    if (Object.keys(filters).length === 0 || widget.topic === undefined) return view;
    const way = widget.options?.rows;
    return { ...view, name: view.name, retry: () => view.retry(), data: computed(() => (view.data.value === null || way === undefined ? view.data.value : filtered(view.data.value, way, filters))) };
  }, [view, key]);
}

function filtered(data: unknown, way: string, filters: Record<string, string>): unknown {
  try {
    const rows = rowsAt(data, way).filter(({ key, fields }) => Object.entries(filters).every(([field, value]) => !(field in fields) || String(fields[field] ?? key) === value));
    return { [way]: rows.map(({ fields }) => fields) };
  } catch {
    return data; // what does not fit is said where it would be drawn
  }
}

const oneFigure = (type: string) => type === "number" || type === "gauge";
const overTime = (type: string) => type === "line" || type === "stacked";

export function fitQuery({ type }: WidgetSpec, result: Result): Fitted {
  const rows = result.rows.map((row): Fields => Object.fromEntries(result.columns.map(({ name }, i) => [name, row[i]])));
  const named = (wanted: (value: unknown) => boolean) => result.columns.map(({ name }) => name).filter((name) => rows.some((row) => wanted(row[name])));
  const [number] = named((value) => typeof value === "number");
  const texts = named((value) => typeof value === "string");
  if (oneFigure(type)) return { data: rows[0] ?? {}, options: { value: number } };
  if (overTime(type)) {
    const drawing = drawingOf(result);
    if (drawing?.as === "lines") {
      const points = drawing.times.map((t, i): Fields => ({ t, ...Object.fromEntries(drawing.lines.map(({ name, values }) => [name, values[i]])) }));
      return { data: points, options: {} };
    }
  }
  if (type === "bar" || type === "list") return { data: rows, options: { label: texts[0], value: number } };
  if (type === "heatmap") return { data: rows, options: { label: texts[0], x: texts[1] ?? texts[0], value: number } };
  return { data: rows, options: {} };
}

export function fitQuestion({ type }: WidgetSpec, answer: Record<string, unknown>): Fitted {
  if ("series" in answer) return fitTrends(type, answer as unknown as Trends);
  if ("points" in answer) {
    const { points, total } = answer as unknown as Users;
    if (oneFigure(type)) return { data: { value: total, trend: points.map(({ users }) => users) }, options: { value: "value", trend: "trend" } };
    return { data: points.map(({ bucket, users, new: fresh }) => ({ t: secondsOf(bucket), active: users, new: fresh })), options: { columns: timeFirst(["active", "new"]) } };
  }
  if ("groups" in answer && oneFigure(type)) {
    const [all] = (answer as unknown as Funnel).groups;
    return { data: { value: all?.rate ?? null, users: all?.users ?? 0, converted: all?.converted ?? 0 }, options: { value: "value", format: "percent" } };
  }
  if ("cohort" in answer && oneFigure(type)) return { data: { value: answer.users }, options: { value: "value" } };
  return { data: answer, options: {} };
}

type Line = Trends["series"][number] & { prior?: { total: number | null } };

const nameOf = (line: Line) => [line.name, line.other ? "others" : line.breakdown].filter((part) => part !== undefined && part !== "").join(" · ") || "all";

function fitTrends(type: string, { series }: Trends): Fitted {
  const lines = series as Line[];
  if (oneFigure(type)) {
    const [first] = lines;
    const before = first?.prior?.total;
    const trend = first?.points.map(({ value }) => value).filter((value) => value !== null);
    return { data: { value: first?.total ?? null, trend, ...(before == null ? {} : { before }) }, options: { value: "value", trend: "trend", ...(before == null ? {} : { before: "before" }) } };
  }
  if (type === "bar") return { data: lines.map((line) => ({ name: nameOf(line), total: line.total })), options: { label: "name", value: "total" } };
  const alone = new Set(lines.map(({ name }) => name)).size === 1;
  const called = (line: Line) => (alone && line.breakdown !== undefined ? line.breakdown || "none" : alone && line.other ? "others" : nameOf(line));
  const shown = [...lines].sort((a, b) => b.total - a.total);
  const rows = (shown[0]?.points ?? []).map(({ bucket }, i): Fields => ({ t: secondsOf(bucket), ...Object.fromEntries(shown.map((line) => [called(line), line.points[i]?.value ?? null])) }));
  return { data: rows, options: type === "table" ? { columns: timeFirst(shown.slice(0, 8).map(called)) } : {} };
}

const timeFirst = (fields: string[]): WidgetOptions["columns"] => [{ field: "t", title: "At", format: "time" }, ...fields.map((field) => ({ field, title: field }))];

/** The question on the page Explore, where its fields are ones of that page. */
export function exploring(question: Record<string, unknown> | undefined): Behind | null {
  const ask = String(question?.ask ?? "");
  if (!question || !["trends", "funnel", "retention", "users"].includes(ask)) return null;
  return { link: href(["explore"], { ask, q: JSON.stringify(askedOf(question)) }), says: "The question, to ask it otherwise" };
}

type Named = { event?: string | string[] } | string;

const eventOf = (said: Named | undefined): string => (typeof said === "string" ? said : Array.isArray(said?.event) ? (said.event[0] ?? "") : (said?.event ?? ""));

/** A question as the page's form has it. */
export function askedOf(question: Record<string, unknown>): Record<string, unknown> {
  const breakdown = String(question.breakdown ?? "");
  const cohort = question.cohort ? `in ${String(question.cohort)}` : question.not_cohort ? `not in ${String(question.not_cohort)}` : undefined;
  const among = cohort && question.ask !== "cohort" ? { among: cohort } : {};
  switch (question.ask) {
    case "funnel":
      return { ask: "funnel", events: ((question.steps as Named[]) ?? []).map(eventOf), window: question.window ?? "7d", order: question.order ?? "ordered", breakdown, ...among };
    case "retention":
      return { ask: "retention", events: [eventOf(question.begin as Named), eventOf(question.come_back as Named)], interval: question.interval ?? "day", mode: question.mode ?? "first_time", ...among };
    case "users":
      return { ask: "users", events: [((question.events as Named[]) ?? []).map(eventOf)[0] ?? ""], interval: question.interval ?? "day", ...among };
    case "cohort":
      return { ask: "cohort", events: [], cohort: question.cohort ?? "" };
    default: {
      const series = (question.series as ({ measure?: string } & Exclude<Named, string>)[]) ?? [];
      return { ask: "trends", events: series.length > 0 ? series.map(eventOf) : [""], measure: series[0]?.measure ?? "count", breakdown, ...among };
    }
  }
}
