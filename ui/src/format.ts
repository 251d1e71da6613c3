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
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const clockSeconds = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

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

/** 14:05 in the reader's time zone, from unix seconds. */
export const minuteOfDay = (seconds: number) => clock.format(seconds * 1_000);

/** 14:05:20 in the reader's time zone, from unix seconds. */
export const secondOfDay = (seconds: number) => clockSeconds.format(seconds * 1_000);
