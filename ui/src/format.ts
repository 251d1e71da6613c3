import { utc } from "./range";

/** Numbers and times as the page writes them: true minus, narrow space before units, one style a column. */

const NARROW_SPACE = "\u202f";
const MINUS = "−";

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", {
  notation: "compact",
  minimumFractionDigits: 1,
  maximumFractionDigits: 1,
});
const fine = new Intl.NumberFormat("en", {
  notation: "compact",
  minimumFractionDigits: 3,
  maximumFractionDigits: 3,
});
const clockOf = (options: Intl.DateTimeFormatOptions) => {
  const here = new Intl.DateTimeFormat("en-GB", options);
  const there = new Intl.DateTimeFormat("en-GB", { ...options, timeZone: "UTC" });
  return (seconds: number) => (utc.value ? there : here).format(seconds * 1_000);
};

/** 12,345 — every digit up to a billion, so that a live count is seen to move. */
export function count(value: number): string {
  return (Math.abs(value) < 1e9 ? whole : fine).format(value).replace("-", MINUS);
}

/** 950, 12.3K, 4.0M — for axes and narrow columns. */
export function compact(value: number): string {
  return (Math.abs(value) < 1e4 ? whole : short).format(value).replace("-", MINUS);
}

export function withUnit(text: string, unit: string): string {
  return text + NARROW_SPACE + unit;
}

/** +12.3 %, −4.0 % of a fraction. */
export function signedPercent(fraction: number): string {
  const sign = fraction > 0 ? "+" : fraction < 0 ? MINUS : "±";
  const percent = Math.abs(fraction) * 100;
  return withUnit(sign + (percent < 1000 ? percent.toFixed(1) : whole.format(percent)), "%");
}

/** The change from `before` to `after` as a fraction; null where there is nothing to compare with. */
export function change(after: number, before: number | null | undefined): number | null {
  return before ? (after - before) / Math.abs(before) : null;
}

/** 12 s, 3 m, 5 h, 2 d. */
export function duration(seconds: number): string {
  if (seconds < 60) return withUnit(String(Math.max(0, Math.floor(seconds))), "s");
  if (seconds < 3_600) return withUnit(String(Math.floor(seconds / 60)), "m");
  if (seconds < 86_400) return withUnit(String(Math.floor(seconds / 3_600)), "h");
  return withUnit(String(Math.floor(seconds / 86_400)), "d");
}

/** 14:05 in the chosen zone, from unix seconds. */
export const minuteOfDay = clockOf({ hour: "2-digit", minute: "2-digit" });

/** 14:05:20 in the chosen zone, from unix seconds. */
export const secondOfDay = clockOf({ hour: "2-digit", minute: "2-digit", second: "2-digit" });

/** 3 Nov, in the chosen zone, from unix seconds. */
export const dayOf = clockOf({ day: "numeric", month: "short" });

/** Tue 3 Nov 2026, in the chosen zone, from unix seconds. */
export const wholeDay = clockOf({ weekday: "short", day: "numeric", month: "short", year: "numeric" });

/** 3 Nov 14:05, in the chosen zone, from unix seconds. */
export const dayAndMinute = clockOf({ day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

const precise = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });

/** 12,345 or 0.85: whole where it is whole or large, else three digits. */
export function figure(value: number): string {
  return Number.isInteger(value) || Math.abs(value) >= 1_000 ? count(value) : precise.format(value).replace("-", MINUS);
}

/** How many minor units make one of the currency; 1 where that is no currency's code. */
export function minorUnits(currency: string): number {
  try {
    const { maximumFractionDigits } = new Intl.NumberFormat("en", { style: "currency", currency }).resolvedOptions();
    return 10 ** (maximumFractionDigits ?? 2);
  } catch {
    return 1;
  }
}

/** €1,234 of an amount in minor units; whole units above a hundred. */
export function money(minor: number, currency: string): string {
  try {
    const exact = new Intl.NumberFormat("en", { style: "currency", currency });
    const units = minor / 10 ** (exact.resolvedOptions().maximumFractionDigits ?? 2);
    const digits = Math.abs(units) >= 100 ? { minimumFractionDigits: 0, maximumFractionDigits: 0 } : {};
    const written = new Intl.NumberFormat("en", { style: "currency", currency, ...digits }).format(units);
    return written.replace("-", MINUS);
  } catch {
    return withUnit(count(minor), currency); // no code of a currency
  }
}

/** Unix seconds of a time in ISO 8601. */
export const secondsOf = (iso: string) => Date.parse(iso) / 1_000;
