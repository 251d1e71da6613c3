import { post, put, remove } from "../ask/request";

/** Hours of the week; `to` that is not after `from` is on the next day. */
export type Active = { days: string[]; from: string; to: string; time_zone: string };

/** An alert rule, as `docs/rules.md` says. */
export type RuleSpec = {
  name: string;
  condition: string;
  threshold: number;
  channels: string[];
  severity: string;
  for_s: number;
  keep_firing_for_s: number;
  clear_threshold: number | null;
  no_data: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  runbook: string;
  active: Active | null;
};

export const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
export const SEVERITIES = ["critical", "high", "medium", "low"];

export const NEW_RULE: RuleSpec = {
  name: "",
  condition: "events.count > threshold",
  threshold: 100,
  channels: ["dashboard"],
  severity: "medium",
  for_s: 0,
  keep_firing_for_s: 0,
  clear_threshold: null,
  no_data: "resolve",
  labels: {},
  annotations: {},
  runbook: "",
  active: null,
};

export type Turn = { time: string; type: string; rule: string; key: string | null; value: number | null; message: string | null; alert: string };

export type Preview = {
  from: string;
  to: string;
  samples: number;
  pages: number;
  pages_per_week: number | null;
  firing_s: number;
  timeline: Turn[];
  truncated: boolean;
};

export type Tuned = { threshold: number | null; pages: number | null; proposals: { threshold: number; pages: number; pages_per_week: number | null }[] };

export const PREVIEW_DAYS = 14;

/** What the rule would have done in the last days. Nobody is told. */
export const preview = (rule: RuleSpec) =>
  post<Preview>("/v1/backtest", {
    rules: [{ ...rule, name: rule.name || "this rule", channels: [] }],
    from: new Date(Date.now() - PREVIEW_DAYS * 86_400_000).toISOString(),
    limit: 2_000,
  });

/** The threshold with which it would have called somebody at most so often. */
export const tune = (rule: RuleSpec, pagesPerWeek: number) =>
  post<Tuned>("/v1/backtest/tune", { rule: { ...rule, name: rule.name || "this rule", channels: [] }, pages_per_week: pagesPerWeek });

export const save = (rule: RuleSpec) => put(`/v1/definitions/rule/${encodeURIComponent(rule.name)}`, rule);

export const drop = (name: string) => remove(`/v1/definitions/rule/${encodeURIComponent(name)}`);

/** `team=shop, dc=zrh` as labels. Throws where a part has no value. */
export function labelsOf(text: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const part of text.split(",").map((one) => one.trim()).filter(Boolean)) {
    const [name, ...value] = part.split("=");
    if (!name || value.length === 0) throw new Error(`Labels: write ${part}=value`);
    found[name.trim()] = value.join("=").trim();
  }
  return found;
}

export const labelsText = (labels: Record<string, string>) => Object.entries(labels).map(([name, value]) => `${name}=${value}`).join(", ");

/** From what fired to what ended it, in milliseconds; what still fires ends with the span. */
export function pagesOf(found: Preview): { from: number; to: number; key: string; value: number | null }[] {
  const open = new Map<string, { from: number; to: number; key: string; value: number | null }>();
  const pages = [];
  for (const { type, alert, time, key, value } of found.timeline) {
    if (type === "alert.fired") {
      const page = { from: Date.parse(time), to: Date.parse(found.to), key: key ?? "", value };
      open.set(alert, page);
      pages.push(page);
    } else if (type === "alert.resolved" && open.has(alert)) {
      open.get(alert)!.to = Date.parse(time);
      open.delete(alert);
    }
  }
  return pages;
}
