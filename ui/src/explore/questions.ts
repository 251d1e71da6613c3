import { asked as moment } from "../moment";
import { ends, range, utc, versus, type Range } from "../range";
import { post } from "../ask/request";

/** What can be asked here; the server's `questions` have more fields, which a link may carry. */
export type Asked = (
  | { ask: "trends"; events: string[]; measure: "count" | "users"; breakdown: string }
  | { ask: "funnel"; events: string[]; window: string; order: "ordered" | "strict" | "any"; breakdown: string }
  | { ask: "retention"; events: string[]; interval: "day" | "week" | "month"; mode: "first_time" | "recurring" }
  | { ask: "users"; events: string[]; interval: "day" | "week" | "month" }
  | { ask: "paths"; events: string[]; by: string; steps: string; pause: string }
  | { ask: "cohort"; events: string[]; cohort: string }
) & {
  /** Only users of a cohort, `in NAME`, or only the others, `not in NAME`; nobody is left out where it is empty. */
  among?: string;
};

export type Kind = Asked["ask"];

export type Trends = { series: { name: string; breakdown?: string; other?: boolean; total: number; points: { bucket: string; value: number | null; complete: boolean }[] }[] };
export type Step = { step: number; name: string; users: number; rate: number | null; rate_from_previous: number | null; dropped: number; still_in: number; excluded: number; median_s: number | null };
export type Funnel = { groups: { users: number; converted: number; still_in: number; rate: number | null; settled_rate: number | null; steps: Step[]; breakdown?: string; other?: boolean }[] };
export type Retention = { interval: string; cohorts: { cohort: string; users: number; periods: { period: number; users: number | null; rate: number | null; complete: boolean }[] }[] };
export type Users = { total: number; new: number; points: { bucket: string; users: number; new: number; complete: boolean }[] };

export type Way = { from: string; to: string | null; paths: number; users: number; still_in: number };
export type Paths = { paths: number; users: number; steps: { step: number; paths: number; ways: Way[]; other: { ways: number; paths: number } }[] };
export type Cohort = { cohort: string; users: number };

export type Answered = { warnings: string[]; elapsed_ms: number; asked_at: number; cut: unknown } & Partial<Trends | Funnel | Retention | Users | Paths | Cohort>;
export type Behind = { users_total: number; events_total: number; users: { user: string; events: number; first: string; last: string }[] | null; truncated: boolean };

const AMONG = /^(in|not in) (.+)$/s;

/** The question without its span, as a widget keeps it. */
export function withoutSpan(asked: Asked): Record<string, unknown> {
  const said = asServed(asked, range.peek());
  for (const field of ["since", "until", "zone", "as_of", "valid_at", "compare"]) delete said[field];
  if (asked.ask === "trends") delete said.interval;
  return said;
}

/** The question as the server takes it, over the range of the top bar; days begin in the zone that times are written in. */
export function asServed(asked: Asked, chosen: Range): Record<string, unknown> {
  const { from, to } = ends(chosen);
  const zone = utc.value ? "UTC" : Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
  const span = { since: chosen.span ?? String(from), ...(chosen.span === null ? { until: String(to) } : {}), zone, ...moment() };
  const events = asked.events.filter((event) => event.trim() !== "");
  const among = AMONG.exec(asked.among ?? "");
  if (among && asked.ask !== "cohort") Object.assign(span, { [among[1] === "in" ? "cohort" : "not_cohort"]: among[2] });
  const broken = "breakdown" in asked && asked.breakdown ? { breakdown: asked.breakdown } : {};
  switch (asked.ask) {
    case "trends": {
      const series = events.length > 0 ? events.map((event) => ({ event, measure: asked.measure })) : [{ measure: asked.measure }];
      const interval = chosen.seconds > 21 * 86_400 ? "week" : chosen.seconds > 3 * 86_400 ? "day" : "hour";
      return { ask: "trends", series, interval, ...broken, ...(versus.value === "prior" ? { compare: "prior" } : {}), ...span };
    }
    case "funnel":
      return { ask: "funnel", steps: events, window: asked.window, order: asked.order, ...broken, ...span };
    case "retention":
      return { ask: "retention", ...(events[0] ? { begin: events[0] } : {}), ...(events[1] ? { come_back: events[1] } : {}), interval: asked.interval, mode: asked.mode, ...span };
    case "paths":
      return {
        ask: "paths",
        by: asked.by || "type",
        steps: Number(asked.steps),
        pause: asked.pause,
        ...(asked.events[0] ? { begin: asked.events[0] } : {}),
        ...(asked.events[1] ? { end: asked.events[1] } : {}),
        ...span,
      };
    case "cohort": // who was in it at the end of the range; its criteria say which events count
      return { ask: "cohort", cohort: asked.cohort, zone, ...(chosen.span === null ? { until: String(to) } : {}), ...moment() };
    case "users":
      return { ask: "users", ...(events.length > 0 ? { events } : {}), interval: asked.interval, ...span };
  }
}

export const ask = (question: Record<string, unknown>) => post<Answered>("/v1/questions", question);

/** The users behind one cell of an answer, exactly those that it counted. */
export const drill = (question: Record<string, unknown>, cell: Record<string, unknown>, { asked_at, cut }: Answered) =>
  post<Behind>("/v1/questions/drill", { question, cell, show: "users", limit: 200, asked_at, cut });

const START: Record<Kind, Asked> = {
  trends: { ask: "trends", events: [""], measure: "count", breakdown: "" },
  funnel: { ask: "funnel", events: ["", ""], window: "7d", order: "ordered", breakdown: "" },
  retention: { ask: "retention", events: ["", ""], interval: "day", mode: "first_time" },
  users: { ask: "users", events: [""], interval: "day" },
  paths: { ask: "paths", events: ["", ""], by: "", steps: "4", pause: "30m" },
  cohort: { ask: "cohort", events: [], cohort: "" },
};

/** The question that the address holds; of a kind that it names, the first one where it holds none. */
export function askedAt(text: string | null, kind: string | null): Asked {
  const start = START[kind as Kind] ?? START.funnel;
  try {
    const found = JSON.parse(text ?? "null") as Asked | null;
    return found && Array.isArray(found.events) && found.ask === start.ask ? { ...start, ...found } : start;
  } catch {
    return start;
  }
}
