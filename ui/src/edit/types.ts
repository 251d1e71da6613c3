import type { WidgetSpec } from "../definitions";

export type SourceName = "metric" | "topic" | "question" | "query";

/** A type of widget as the gallery shows it. */
export type TypeInfo = { type: string; name: string; about: string; sources: SourceName[]; asks: string[]; options: string[] };

const FIGURE = ["format", "unit"];

/** As `actors/definitions/widget.py` has them: what each draws, which questions, and its options in the order of their use. */
export const TYPES: readonly TypeInfo[] = [
  { type: "number", name: "Number", about: "One figure, its change and its trend", sources: ["metric", "question", "query", "topic"], asks: ["trends", "users", "funnel", "cohort"], options: ["aggregate", "value", "before", "trend", "better", ...FIGURE] },
  { type: "gauge", name: "Gauge", about: "One figure on a scale, with bounds", sources: ["metric", "question", "query", "topic"], asks: ["trends", "users", "funnel", "cohort"], options: ["aggregate", "value", "min", "max", "warn", "crit", "better", ...FIGURE] },
  { type: "line", name: "Line", about: "Values over time", sources: ["metric", "question", "query", "topic"], asks: ["trends", "users"], options: ["aggregate", "rows", "x", "y", ...FIGURE] },
  { type: "stacked", name: "Stacked", about: "Parts of a whole over time", sources: ["metric", "question", "query", "topic"], asks: ["trends", "users"], options: ["aggregate", "rows", "x", "y", ...FIGURE] },
  { type: "bar", name: "Bars", about: "The greatest of many", sources: ["metric", "question", "query", "topic"], asks: ["trends"], options: ["aggregate", "rows", "label", "value", "sort", "limit", "opens", ...FIGURE] },
  { type: "table", name: "Table", about: "Rows and columns", sources: ["metric", "question", "query", "topic"], asks: ["trends", "users"], options: ["aggregate", "rows", "sort", "limit"] },
  { type: "list", name: "List", about: "Names with a line below each", sources: ["query", "topic"], asks: [], options: ["rows", "label", "detail", "value", "sort", "limit", "opens", ...FIGURE] },
  { type: "funnel", name: "Funnel", about: "How many go on from step to step", sources: ["question"], asks: ["funnel"], options: [] },
  { type: "retention", name: "Retention", about: "Who comes back, by when they began", sources: ["question"], asks: ["retention"], options: [] },
  { type: "heatmap", name: "Heat map", about: "A colour for each hour of the week, or pair of names", sources: ["metric", "query"], asks: [], options: ["aggregate", "x", "label", "value", ...FIGURE] },
  { type: "text", name: "Text", about: "What the figures mean, with links", sources: [], asks: [], options: ["text"] },
];

/** Views that come with the system: nothing is chosen for them. */
export const VIEWS: readonly { type: string; name: string }[] = [
  { type: "business_metrics", name: "The business" },
  { type: "revenue_tracking", name: "Revenue" },
  { type: "campaign_performance", name: "Campaigns" },
  { type: "user_activity", name: "Activity over time" },
  { type: "top_events", name: "What happens most" },
  { type: "heat", name: "The week by hour" },
  { type: "alert_system", name: "Alerts" },
  { type: "system_health", name: "The machine" },
  { type: "ingest", name: "What comes in" },
  { type: "late_rows", name: "What came too late" },
];

export const infoOf = (type: string) => TYPES.find((each) => each.type === type);

export const sourceOf = (widget: WidgetSpec): SourceName | undefined => (["metric", "topic", "question", "query"] as const).find((name) => widget[name] !== undefined);

type Field = { title: string; hint?: string; choices?: Record<string, string>; number?: boolean; long?: boolean; list?: boolean };

export const FIELDS: Record<string, Field> = {
  aggregate: { title: "What of it", choices: { "": "as suits it", count: "how many", sum: "sum", mean: "mean", min: "least", max: "greatest", distinct: "how many different" } },
  value: { title: "Field with the figure", hint: "today.n" },
  before: { title: "Field to compare with", hint: "yesterday.n" },
  trend: { title: "Field with its last values" },
  rows: { title: "Where its rows are", hint: "all of it" },
  x: { title: "Field across", hint: "t" },
  y: { title: "Fields that are drawn", hint: "all numbers", list: true },
  label: { title: "Field with the name" },
  detail: { title: "Field below the name" },
  sort: { title: "Sorted by", hint: "-value for the largest first" },
  limit: { title: "Rows at most", number: true },
  opens: { title: "A name leads to", choices: { "": "nothing", user: "the user", event: "the events", metric: "the metric" } },
  better: { title: "Good news is", choices: { "": "as usual", higher: "more", lower: "less" } },
  format: { title: "Written as", choices: { "": "a number", percent: "per cent", money: "money", duration: "a length of time", bytes: "bytes", time: "a moment", text: "text" } },
  unit: { title: "Unit", hint: "ms, EUR, °C" },
  min: { title: "Scale begins at", hint: "0", number: true },
  max: { title: "Scale ends at", hint: "above all", number: true },
  warn: { title: "Worth a look from", number: true },
  crit: { title: "To act on from", number: true },
  text: { title: "Text", hint: "An empty line begins a paragraph; [words](https://example.org) is a link.", long: true },
};

/** Options that say nothing of a source: a metric has no fields, and the others have no aggregate. */
const OF_FIELDS = ["value", "before", "trend", "rows", "x", "y", "label", "detail", "sort", "opens"];

export function optionsOf(widget: WidgetSpec): string[] {
  const { options = [] } = infoOf(widget.type) ?? {};
  const source = sourceOf(widget);
  if (source === "metric") return options.filter((name) => !OF_FIELDS.includes(name) && name !== "format");
  if (source === "question") return options.filter((name) => !OF_FIELDS.includes(name) && name !== "aggregate");
  return options.filter((name) => name !== "aggregate");
}

const START: Record<string, Record<string, unknown>> = {
  funnel: { ask: "funnel", steps: ["", ""], window: "7d" },
  retention: { ask: "retention", interval: "day" },
  trends: { ask: "trends", series: [{ measure: "count" }] },
  users: { ask: "users" },
};

/** A new widget of a type, over what is there. */
export function newWidget(type: string, id: string, metrics: string[], queries: string[]): WidgetSpec {
  const info = infoOf(type);
  if (!info) return { id, type };
  if (type === "text") return { id, type, options: { text: "What these figures mean, and whom to ask." } };
  return { id, type, ...startOf(type, info.sources, metrics, queries) };
}

/** What a widget draws at first: the first source of its type that there is anything of. */
export function startOf(type: string, sources: SourceName[], metrics: string[], queries: string[]): Partial<WidgetSpec> {
  const info = infoOf(type)!;
  for (const source of sources) {
    if (source === "metric" && metrics.length > 0) return { metric: metrics[0] };
    if (source === "question" && info.asks.length > 0) return { question: START[info.asks[0]!] ?? START.trends };
    if (source === "query" && queries.length > 0) return { query: queries[0] };
    if (source === "topic") return type === "bar" ? { topic: "top_events", options: { rows: "rows", label: "name", value: "n" } } : ["number", "gauge"].includes(type) ? { topic: "user_activity", options: { value: "active_users.v" } } : { topic: "top_events", options: { rows: "rows" } };
  }
  return { query: "" };
}

/** Funnels whose steps are not chosen yet, queries without a name: nothing to ask so far. */
export function unfinished(widget: WidgetSpec): string {
  const { question, query, topic, metric } = widget;
  if (question?.ask === "funnel" && (question.steps as unknown[]).filter((step) => step !== "").length < 2) return "Choose two steps of the funnel.";
  if (question?.ask === "cohort" && !question.cohort) return "Choose a cohort.";
  if (query === "") return "Choose a query; one is kept on the page SQL.";
  if (topic === "") return "Choose a topic.";
  if (metric === "") return "Choose a metric.";
  return "";
}
