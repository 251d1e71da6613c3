import { computed, effect, signal } from "@preact/signals";
import { Answer } from "./ask/useAnswer";
import { topicThen } from "./ask/then";
import { live } from "./live";
import type { View } from "./live/topic";
import { moment } from "./moment";
import type { Span } from "./range";

/** What somebody declared: a dashboard, a metric, a rule, … `version` is its place in the log, `at` unix seconds. */
export type Definition<S = Record<string, unknown>> = {
  kind: string;
  name: string;
  spec: S;
  version: number;
  by: string;
  at: number;
  /** `file:<name>` where a configuration file declares it, else `api`. */
  owner: string;
};

/** How a column of a table is written; `user`, `event` and `metric` are links. */
export type Format = "number" | "percent" | "money" | "duration" | "bytes" | "time" | "text" | "user" | "event" | "metric";

export type ColumnSpec = { field: string; title?: string; format?: Format; unit?: string };

/** As `actors/definitions/widget.py` says; which of them a type has a use for, too. */
export type WidgetOptions = {
  measure?: string;
  aggregate?: string;
  better?: "higher" | "lower";
  unit?: string;
  format?: Format;
  value?: string;
  before?: string;
  trend?: string;
  rows?: string;
  x?: string;
  y?: string[];
  label?: string;
  detail?: string;
  columns?: ColumnSpec[];
  sort?: string;
  limit?: number;
  opens?: "user" | "event" | "metric";
  text?: string;
  min?: number;
  max?: number;
  warn?: number;
  crit?: number;
};

/** One panel of a dashboard; which `type`s there are says `widgets/kinds.ts`. */
export type WidgetSpec = {
  id: string;
  type: string;
  title?: string;
  metric?: string;
  topic?: string;
  /** A typed question without its span, as the server takes it. */
  question?: Record<string, unknown>;
  /** The name of a kept query. */
  query?: string;
  /** Its own time range, whatever the top bar says. */
  range?: Span;
  options?: WidgetOptions;
};

/** Where a widget stands on twelve columns; heights are in rows. */
export type Place = { widget: string; x: number; y: number; w: number; h: number };

/** A property that a reader may filter by. */
export type FilterSpec = { field: string; title?: string; values?: string[] };

export type DashboardSpec = { id?: string; name: string; layout: "grid" | Place[]; widgets: WidgetSpec[]; range?: Span; filters?: FilterSpec[] };

export type Dashboard = Definition<DashboardSpec>;

export type MetricSpec = {
  stream: string;
  types?: string[] | null;
  key?: string | null;
  value?: string | null;
  distinct?: string | null;
  unit?: string | null;
  width_s: number;
  /** Of a metric of a family such as `{type}`: the column whose value is this metric's name. */
  namedBy?: string;
};

const FIRST = "overview";

type Definitions = Record<string, Definition>;

const definitionsNow = live.topic<Definitions>("definitions");
/** Those that held then, while the page shows what was known at a moment. */
const definitionsThen = signal<Answer<Definitions> | null>(null);
const shown = computed<View<Definitions>>(() => definitionsThen.value ?? definitionsNow);

/**
 * Every definition that holds, by `kind/name`, as the log says at this moment; where the page shows what was known at a moment of
 * the past, those that held then.
 */
export const definitionsTopic: View<Definitions> = {
  name: "definitions",
  data: computed(() => shown.value.data.value),
  receivedAt: computed(() => shown.value.receivedAt.value),
  problem: computed(() => shown.value.problem.value),
  stale: computed(() => shown.value.stale.value),
  retry: () => shown.peek().retry(),
};

/** Keeps them followed for as long as the page is open: pages, rail and links are made of them. */
export function followDefinitions() {
  live.follow(definitionsNow.name);
  effect(() => {
    const then = moment.value;
    if (then?.how !== "as_of") return void (definitionsThen.value = null);
    const answer = new Answer<Definitions>(`definitions ${then.key}`, () => topicThen("definitions"), 0);
    definitionsThen.value = answer;
    void answer.ask();
    return () => answer.end();
  });
}

/** `overview` first, the others by their titles; null while they are not known. */
export const dashboards = computed<Dashboard[] | null>(() => {
  const all = definitionsTopic.data.value;
  if (all === null) return null;
  const found = Object.values(all).filter(({ kind }) => kind === "dashboard") as unknown as Dashboard[];
  return found.sort((a, b) => Number(b.name === FIRST) - Number(a.name === FIRST) || a.spec.name.localeCompare(b.spec.name));
});

/** What defines a metric of that name; null where nothing that is known does. A gauge is one of the family `{type}`. */
export function metricNamed(name: string): MetricSpec | null {
  const all = definitionsTopic.data.value ?? {};
  const itself = all[`metric/${name}`];
  if (itself) return itself.spec as MetricSpec;
  const family = Object.values(all).find(({ kind, name }) => kind === "metric" && name.startsWith("{"));
  return family ? { ...(family.spec as MetricSpec), namedBy: family.name.slice(1, -1) } : null;
}

/** How the names of gauges end, and what they are measured in. */
const GAUGES = [[".percent", "%"], ["bytes_per_s", "B/s"]] as const;

/** What a metric's amounts are in: its unit, or `money` where it sums amounts by currency. */
export function unitOf(name: string): string | undefined {
  const spec = metricNamed(name);
  if (!spec) return undefined;
  if (spec.namedBy) return GAUGES.find(([ending]) => name.endsWith(ending))?.[1];
  return spec.unit ?? (spec.value === "amount" && spec.key === "currency" ? "money" : undefined);
}

/** What of a metric says most, where nobody named it: the sum of money, the mean of values, else how many. */
export function figureOf(name: string): "sum" | "mean" | "distinct" | "count" {
  const spec = metricNamed(name);
  if (spec?.value) return unitOf(name) === "money" ? "sum" : "mean";
  return spec?.distinct ? "distinct" : "count";
}
