import { get } from "../ask/request";
import { asked } from "../moment";
import { utc, type Range } from "../range";
import { figure, money, signedPercent, withUnit } from "../format";

/** The executive summary as the server answers it; money in minor units, rates and growth as fractions. */
export type Compared = { now: number | null; before: number | null; change: number | null; growth: number | null };
export type Defined = { name: string; domain: string; version: number; unit: string; meaning: string };
export type Kpi = {
  current?: number | null;
  rate?: number | null;
  active?: number;
  score?: number | null;
  previous: number | null;
  year_before: number | null;
  numerator?: number;
  denominator?: number;
  interval?: [number | null, number | null] | null;
  parts?: Record<string, { value: number | null; numerator: number; denominator: number } | null>;
  spend?: number;
  new_customers?: number;
  payers?: number;
  by_currency?: Record<string, number>;
  definition: Defined;
};
export type Point = { at: string; value: number | null; complete: boolean };
export type Forecast = { until: string; of: string; level: number; status: string; expected: number | null; lower: number | null; upper: number | null; origins?: number; way?: string };
export type Trend = { growth_rate: number | null; growth_year: number | null; trend: "up" | "flat" | "down" | null; p_value: number | null; n: number; test?: string; history: Point[]; forecast?: Forecast };
export type Row = Compared & { value: string | null; other: boolean; share_of_change: number | null };
export type Sums = { now: number; before: number; change: number; rows: Row[] };
export type Segment = { by: string; of: string; revenue: Sums; users?: Sums; new_customers?: Sums; cac?: { value: string | null; spend: number; new_customers: number; cac: number | null }[] };
export type Mover = { kind: string; label: string; amount: number; users: number; top: { user: string | null; before: number; now: number }[] };
export type Factor = Compared & { kind: string; label: string; amount: number | null };
export type Advice = { category: string; priority: string; recommendation: string; expected_impact: string; impact_basis: string; evidence: Record<string, unknown> };
export type Behind = { question: { series: { event?: string[] }[] } } | null;
export type Span = { since: string; until: string; complete: boolean };

export type Summary = {
  business: string;
  title: string;
  domain: string;
  period: { said: string; since: string; until: string; end: string; zone: string; grain: string };
  currency: string;
  kpis: Record<string, Kpi>;
  trends: Record<string, Trend>;
  comparisons: { previous: Span; year_before: Span; segments: Record<string, Segment> };
  drivers: {
    revenue: Compared & { children: Mover[]; behind: Behind };
    factors: { change: number; children: Factor[] };
    users: { behind: Behind };
    conversion: { children: { label: string; behind: Behind }[] };
    churn: { children: { label: string; behind: Behind }[] };
  };
  recommendations: Advice[];
  warnings: string[];
  definition: { spec: { revenue?: { event: string[] | null } } & Record<string, unknown>; version: number; owner: string; at: number };
  businesses: { name: string; title: string; domain: string }[];
  asked_at: number;
  as_of: string;
};

export const zone = () => (utc.peek() ? "UTC" : Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC");

export const askSummary = (business: string, period: string) => get<Summary>("/v1/executive", { period, business, zone: zone(), ...asked() });

/** The range of the top bar as a period. */
export const periodOf = ({ span, since, until }: Range) => (span ?? `${since}/${until}`);

export const figureOf = (kpi: Kpi): number | null => kpi.current ?? kpi.rate ?? kpi.active ?? kpi.score ?? null;

const MONEY = ["revenue", "cac", "ltv", "arpu"];
const RATES = ["conversion", "churn"];

/** A figure of a KPI as people read it. */
export function said(name: string, value: number | null, currency: string): string {
  if (value === null) return "–";
  if (MONEY.includes(name)) return money(value, currency);
  if (RATES.includes(name)) return percent(value);
  return figure(value);
}

export const percent = (fraction: number) => withUnit((fraction * 100).toFixed(fraction !== 0 && Math.abs(fraction) < 0.1 ? 2 : 1), "%");

/** +€1,234 of a change in minor units. */
export const changed = (minor: number, currency: string) => (minor > 0 ? "+" : minor < 0 ? "" : "±") + money(minor, currency);

export const grown = (fraction: number | null) => (fraction === null ? "" : signedPercent(fraction));

/** What a KPI is called, and which direction is good. */
export const KPIS: Record<string, { title: string; better: "higher" | "lower" }> = {
  revenue: { title: "Revenue", better: "higher" },
  users: { title: "Active users", better: "higher" },
  conversion: { title: "Conversion", better: "higher" },
  churn: { title: "Churn", better: "lower" },
  cac: { title: "Cost of a new customer", better: "lower" },
  ltv: { title: "Lifetime value", better: "higher" },
  arpu: { title: "Revenue per user", better: "higher" },
  engagement: { title: "Engagement", better: "higher" },
};
