import { computed } from "@preact/signals";
import { address, go, hrefHere } from "./router";
import { now } from "./time";

/** The spans that one click chooses, in seconds. */
export const SPANS = {
  "15m": 900,
  "1h": 3_600,
  "6h": 21_600,
  "24h": 86_400,
  "7d": 604_800,
  "30d": 2_592_000,
  "90d": 7_776_000,
} as const;

export type Span = keyof typeof SPANS;
export const STANDARD: Span = "1h";

/** What a figure is compared with: the span just before, the same span a week earlier, or nothing. */
export type Versus = "prior" | "week" | "none";

/**
 * The time range that the address holds. `since` and `until` are what a route is asked with: a time ago, so that an
 * answer stays current, or two fixed moments. `seconds` is its length.
 */
export type Range = {
  label: string;
  span: Span | null;
  since: string;
  until: string;
  seconds: number;
  /** Changes when the range does, not with the clock. */
  key: string;
};

const WEEK = 604_800;

const isSpan = (text: string | null): text is Span => text !== null && text in SPANS;

function moment(text: string | null): number | null {
  const at = text ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? null : at / 1_000;
}

/** The zone that times are written in: the reader's own, or UTC. */
export const utc = computed(() => address.value.params.get("tz") === "utc");

/** "26 Nov, 10:00 – 12:00", or with both days where there are two. */
function written(from: number, to: number): string {
  const zone = utc.value ? { timeZone: "UTC" } : {};
  const form = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", ...zone });
  return form.formatRange(from * 1_000, to * 1_000).replaceAll("\u2009", " ");
}

export const range = computed<Range>(() => {
  const { params } = address.value;
  const [from, to] = [moment(params.get("from")), moment(params.get("to"))];
  if (from !== null && to !== null && to > from) {
    const [since, until] = [String(from), String(to)];
    return { label: written(from, to), span: null, since, until, seconds: to - from, key: `${since}-${until}` };
  }
  const wanted = params.get("range");
  const span = isSpan(wanted) ? wanted : STANDARD;
  return { label: span, span, since: span, until: "", seconds: SPANS[span], key: span };
});

/** The range's ends in unix seconds, as of now. */
export function ends(chosen: Range): { from: number; to: number } {
  if (chosen.span === null) return { from: Number(chosen.since), to: Number(chosen.until) };
  const to = Math.floor(now.peek() / 1_000);
  return { from: to - chosen.seconds, to };
}

export const versus = computed<Versus>(() => {
  const wanted = address.value.params.get("vs");
  return wanted === "week" || wanted === "none" ? wanted : "prior";
});

const comparisons: Record<Versus, (range: Range) => string> = {
  prior: ({ span }) => (span ? `prior ${span}` : "span before"),
  week: () => "a week earlier",
  none: () => "",
};

/** What a figure over the range is compared with, in words; empty for nothing. */
export const comparison = computed(() => comparisons[versus.value](range.value));

/** Said where the span that is compared with has nothing. */
export const nothingBefore = computed(() => {
  if (versus.value === "week") return "nothing a week earlier";
  return range.value.span ? `nothing in ${comparison.value}` : "nothing in the span before";
});

/** The start of what is compared with, as seconds before the range's own start; null for nothing. */
export function shiftBack(chosen: Range, compared: Versus): number | null {
  if (compared === "none") return null;
  return compared === "week" ? Math.max(WEEK, Math.ceil(chosen.seconds / WEEK) * WEEK) : chosen.seconds;
}

/**
 * Whether the page is live: up to the last hour, its panels follow the log, second by second, and name the span of each
 * figure. Longer ranges, those of the past, and what is compared with a week earlier are asked for.
 */
export const followsLive = computed(
  () => (range.value.span === "15m" || range.value.span === "1h") && versus.value !== "week",
);

/** One step shorter or longer among the spans. */
export function lengthen(by: number) {
  const spans = Object.keys(SPANS) as Span[];
  const next = spans[spans.indexOf(range.peek().span ?? STANDARD) + by];
  if (next) chooseSpan(next);
}

export const chooseSpan = (span: Span) => go(hrefHere({ range: span === STANDARD ? undefined : span, from: undefined, to: undefined }));

export const chooseMoments = (from: Date, to: Date) =>
  go(hrefHere({ range: undefined, from: from.toISOString(), to: to.toISOString() }));

export const chooseVersus = (chosen: Versus) => go(hrefHere({ vs: chosen === "prior" ? undefined : chosen }));

export const chooseZone = (inUtc: boolean) => go(hrefHere({ tz: inUtc ? "utc" : undefined }));
