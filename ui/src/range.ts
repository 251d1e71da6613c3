import { shared } from "./shared/mode";
import { computed } from "@preact/signals";
import { address, go, hrefHere } from "./router";
import { clock, moment } from "./moment";

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
  /** Changes when the range or the moment of the page does, not with the clock. */
  key: string;
};

const WEEK = 604_800;

const isSpan = (text: string | null): text is Span => text !== null && text in SPANS;

function secondsAt(text: string | null): number | null {
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
  const [from, to] = [secondsAt(params.get("from")), secondsAt(params.get("to"))];
  const then = moment.value === null ? "" : ` ${moment.value.key}`;
  if (from !== null && to !== null && to > from) {
    const [since, until] = [String(from), String(to)];
    return { label: written(from, to), span: null, since, until, seconds: to - from, key: `${since}-${until}${then}` };
  }
  const wanted = params.get("range");
  const span = isSpan(wanted) ? wanted : STANDARD;
  return { label: span, span, since: span, until: "", seconds: SPANS[span], key: `${span}${then}` };
});

/** The range's ends in unix seconds, as of the moment that the page shows. */
export function ends(chosen: Range): { from: number; to: number } {
  if (chosen.span === null) return { from: Number(chosen.since), to: Number(chosen.until) };
  const to = Math.floor(clock.peek() / 1_000);
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
 * Whether panels show their live views: up to the last hour these follow the log, second by second, and name the span of each
 * figure; as it was known at a moment they are what they were then. Longer ranges, those that end earlier, what is compared with
 * a week earlier, and a moment with hindsight are asked for.
 */
export const followsLive = computed(
  () => shared || ((range.value.span === "15m" || range.value.span === "1h") && versus.value !== "week" && moment.value?.how !== "valid_at"),
);

/** One step shorter or longer among the spans. */
export function lengthen(by: number) {
  const spans = Object.keys(SPANS) as Span[];
  const next = spans[spans.indexOf(range.peek().span ?? STANDARD) + by];
  if (next) chooseSpan(next);
}

export const chooseSpan = (span: Span) => go(hrefHere({ range: span === STANDARD ? undefined : span, from: undefined, to: undefined }));

const iso = (seconds: number) => new Date(seconds * 1_000).toISOString();

/** A range between two moments, in unix seconds. */
export const chooseMoments = (from: number, to: number) => go(hrefHere({ range: undefined, from: iso(from), to: iso(to) }));

/** Unix seconds of what a field for date and time holds, in the chosen zone; null where it is no time. */
export function secondsIn(given: FormDataEntryValue | null): number | null {
  const at = Date.parse(`${String(given)}${utc.peek() ? "Z" : ""}`);
  return Number.isNaN(at) ? null : at / 1_000;
}

/** As such a field has it: the time of the wall in the chosen zone, to the minute, or with 19 characters to the second. */
export function forInput(seconds: number, characters = 16): string {
  const shift = utc.peek() ? 0 : new Date(seconds * 1_000).getTimezoneOffset() * 60;
  return new Date((seconds - shift) * 1_000).toISOString().slice(0, characters);
}

export const chooseVersus = (chosen: Versus) => go(hrefHere({ vs: chosen === "prior" ? undefined : chosen }));

export const chooseZone = (inUtc: boolean) => go(hrefHere({ tz: inUtc ? "utc" : undefined }));
