import { get, post, put, remove } from "../ask/request";
import { asked } from "../moment";

/** As docs/models.md has them; times are unix seconds. */
export type Summary = {
  name: string;
  versions: number;
  champion: number | null;
  metric: string;
  score: number | null;
  trained_at: number;
  deployed: { name: string; number?: number; version?: number | string; weight: number; shadow?: boolean }[];
  rows: number;
  error_rate: number;
  drifted: string[];
  accuracy: string;
  degraded: boolean;
};

export type Input = { name: string; kind: string; levels?: string[] | null; low?: number | null; high?: number | null };

export type Version = {
  number: number;
  version: string;
  model_id: string;
  at: number;
  by: string;
  approved: boolean;
  metric: string;
  score: number | null;
  threshold: number | null;
  scores?: Record<string, number>;
  task: string;
  classes?: string[];
  inputs?: Input[];
  evidence?: { rows?: number; importance?: unknown };
  /** What it was trained on; `dataset` where its rows are people. */
  data?: { dataset?: unknown } | null;
};

export type Serving = { name: string; number: number; weight: number; shadow?: boolean };
export type Deployed = { at: number; by: string; reason: string; variants: Serving[] };

export type Calibrated = { predicted: number; observed: number; rows: number };
export type Health = {
  rows: number;
  errors: number;
  error_rate: number;
  latency_ms?: Record<string, number | null>;
  drift?: { windows?: DriftWindow[]; status?: string } | DriftWindow[];
  windows?: DriftWindow[];
  accuracy?: { status?: string; windows?: Accuracy[] } | Accuracy[];
  scores?: Accuracy[];
  degraded?: boolean;
};
export type DriftWindow = { at: number; rows: number; drifted: string[]; columns: Record<string, { p: number | null; distance: number }> };
export type Accuracy = { at: number; metric?: string; score: number | null; low?: number | null; high?: number | null; rows?: number; calibration?: Calibrated[] | null; slices?: { slice: string; rows: number; score: number | null }[] };

export type Model = {
  name: string;
  versions: Version[];
  aliases: Record<string, number>;
  live: Deployed | null;
  wanted: Deployed | null;
  history: Deployed[];
  last_rollback: { at?: number; reason?: string } | null;
  degraded: { reason?: string } | null;
  health: Record<string, Health>;
};

export type Experiment = {
  id: string;
  model: string;
  state: string;
  phase?: string;
  started: number;
  updated: number;
  tried: number;
  failed: number;
  best?: string | null;
  score: number | null;
  threshold: number | null;
  registered?: boolean;
  reason?: string;
  elapsed_s?: number;
  trials?: Trial[];
};

export type Trial = { number: number; model: string; params: Record<string, unknown>; gain: number | null; state: string; took_s: number | null; origin?: string; reason?: string };

const way = (name: string, ...more: string[]) => ["/v1/models", encodeURIComponent(name), ...more].join("/");

const then = () => {
  const { as_of = "" } = asked();
  return { as_of };
};

export const models = () => get<{ models: Summary[] }>("/v1/models", then()).then(({ models }) => models);
export const model = (name: string) => get<Model>(way(name), then());
export const experiments = (name = "") => get<{ experiments: Experiment[] }>("/v1/experiments", { model: name, ...then() }).then(({ experiments }) => experiments);
export const experiment = (id: string) => get<Experiment>(`/v1/experiments/${encodeURIComponent(id)}`, then());

export type Comparison = { versions: Version[]; scores: Record<string, (number | null)[]>; differs: Record<string, unknown[]>; better: number | null };
export const compare = (name: string, numbers: number[]) => get<Comparison>(way(name, "compare"), { versions: numbers.join(",") });

export const promote = (name: string, version: number) => post(way(name, "promote"), { version, alias: "champion", reason: "from the page" });
export const approve = (name: string, version: number) => post(way(name, "approve"), { version });
export type Mode = "live" | "canary" | "shadow";
export const deploy = (name: string, version: number, mode: Mode, share: number) => put(way(name, "deployment"), { version, mode, ...(mode === "canary" ? { share } : {}) });
export const endDeployment = (name: string) => remove<unknown>(way(name, "deployment"));
export const rollBack = (name: string) => post(way(name, "rollback"), { reason: "from the page" });

export type Predicted = { prediction?: string | number | null; version: number; variant?: string; latency_ms?: number; set?: string; low?: number; high?: number; why?: Record<string, number> } & Record<string, unknown>;
export const predict = (name: string, row: Record<string, unknown>) => post<Predicted>(`/v1/predict/${encodeURIComponent(name)}?explain=true`, row);

/** Importance by input, the largest first, in whichever form a version keeps it. */
export function importanceOf({ evidence }: Version): { name: string; value: number }[] {
  const said = evidence?.importance;
  const pairs: [string, unknown][] = Array.isArray(said)
    ? said.map((one: Record<string, unknown>) => [String(one.feature ?? one.name), one.mean ?? one.value])
    : Object.entries((said as Record<string, unknown> | undefined) ?? {});
  return pairs
    .filter((pair): pair is [string, number] => typeof pair[1] === "number")
    .map(([name, value]) => ({ name, value }))
    .sort((a, b) => Math.abs(b.value) - Math.abs(a.value));
}

const listAt = <T,>(said: unknown, ...more: unknown[]): T[] => {
  for (const one of [said, ...more]) {
    if (Array.isArray(one)) return one as T[];
    const inside = (one as { windows?: unknown } | undefined)?.windows;
    if (Array.isArray(inside)) return inside as T[];
  }
  return [];
};

export const driftOf = (health: Health | undefined) => listAt<DriftWindow>(health?.windows, health?.drift);
export const accuracyOf = (health: Health | undefined) => listAt<Accuracy>(health?.scores, health?.accuracy);
