/** What the server publishes, topic by topic. Times are unix seconds. */

export type Measure = {
  v: number;
  /** The same measure over the previous equal period; null before there is one. */
  prev?: number | null;
  spark: number[];
  /** The span that the figure covers; none where it covers all of the log. */
  from?: number;
  to?: number;
};

export type UserActivity = {
  active_users: Measure;
  events_per_minute: Measure;
  events_total: Measure;
  rejected: Measure;
  /** Events whose time lies ahead of the server's clock: kept, and shown once it gets there. */
  ahead?: { v: number };
};

/** One pane of the activity series: the count, what was expected, and the verdict. */
export type Pane = {
  y: number;
  /** Its rows may still be coming in. */
  open: boolean;
  exp: number | null;
  lo: number | null;
  hi: number | null;
  score: number | null;
  anom: boolean;
};

export type TopEvent = { name: string; source: string; n: number; prev: number | null; spark: number[] };

/** One sample a second: percent of each resource, network in kB/s. Null, over a long range, where there is no sample. */
export type SystemHealth = { t: number[] } & Record<"cpu" | "mem" | "disk" | "net", (number | null)[]>;

/**
 * One sample a second: events/s, and the 95th percentile of received → committed in ms, null without a commit. `mean` is
 * there where the page asked over a range: its events/s, and those of what it is compared with.
 */
export type Ingest = {
  t: number[];
  rate: number[];
  lag: (number | null)[];
  mean?: { now: number; before: number | null };
};

/** What a trend or correlation watch found; a slope is an hour's, a lag in seconds. */
export type Finding = {
  kind: "trend" | "correlation";
  watch: string;
  status: "rising" | "falling" | "together" | "opposed" | "learning";
  metric: string;
  aggregate: string;
  key: string;
  with_metric: string | null;
  with_aggregate: string | null;
  with_key: string | null;
  t: number;
  since: number | null;
  value: number | null;
  lower: number | null;
  upper: number | null;
  /** Over the whole span, as a share of the mean. */
  change: number | null;
  lag: number | null;
  p: number | null;
  n: number | null;
  message: string;
};

/**
 * The newest forecast of one series: `t` has the start of each step ahead, `past` that of those it looked back on, the newest
 * ones. None where too little is known, which `message` says. `made` and times in unix seconds, `width` in seconds.
 */
export type Forecast = {
  watch: string;
  metric: string;
  aggregate: string;
  key: string;
  made: number;
  width: number;
  level: number | null;
  n: number;
  message: string;
  error: number | null;
  naive_error: number | null;
  past: number[];
  known: (number | null)[];
  t: number[];
  expected: number[];
  lower: number[];
  upper: number[];
};

export type Severity = "critical" | "high" | "medium" | "low";

export type Alert = {
  id: string;
  rule: string;
  severity: Severity;
  title: string;
  detail: string;
  t: number;
  state: "pending" | "firing" | "resolved";
  acknowledged: boolean;
  acked_by: string | null;
  /** Why nobody is told of it, that it was escalated, that it keeps going on and off. */
  note?: string;
  /** As it stood at the end of a range of the past: there is nothing to be done about it here. */
  past?: boolean;
};

/** Rows that came too late for any window of a metric, in all; the last one at `t`. */
export type TooLate = { rows: number; behind_s: number; t: number };

export type TopicData = {
  user_activity: UserActivity;
  /** By pane start, unix seconds as a string. */
  activity_series: Record<string, Pane>;
  /** By "weekday-hour" in UTC, Monday = 0. */
  activity_heat: Record<string, number>;
  top_events: { rows: TopEvent[] };
  system_health: SystemHealth;
  ingest: Ingest;
  alerts: Record<string, Alert>;
  /** By metric. */
  late_rows: Record<string, TooLate>;
  insights: Record<string, Finding>;
  forecasts: Record<string, Forecast>;
};

/** The topics that this page knows by name; a dashboard may name others, which are drawn by their policy. */
export type TopicName = keyof TopicData;
