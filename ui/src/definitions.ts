import { computed } from "@preact/signals";
import { live } from "./live";

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
};

/** One panel of a dashboard; which `type`s there are says `widgets/kinds.ts`. */
export type WidgetSpec = {
  id: string;
  type: string;
  title?: string;
  metric?: string;
  topic?: string;
  options?: WidgetOptions;
};

/** Where a widget stands on twelve columns; heights are in rows. */
export type Place = { widget: string; x: number; y: number; w: number; h: number };

export type DashboardSpec = { name: string; layout: "grid" | Place[]; widgets: WidgetSpec[] };

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

/** Every definition that holds, by `kind/name`, as the log says at this moment. */
export const definitionsTopic = live.topic<Record<string, Definition>>("definitions");

/** Keeps them followed for as long as the page is open: pages, rail and links are made of them. */
export const followDefinitions = () => live.follow(definitionsTopic.name);

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
