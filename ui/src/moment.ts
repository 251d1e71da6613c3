import { computed, signal } from "@preact/signals";
import { address, go, hrefHere } from "./router";
import { now } from "./time";

/** How a moment of the past is meant: as it was known then, or as it is known now. */
export type How = "as_of" | "valid_at";

/** `at`: unix seconds. `early`: it was asked for as it was known then, but nothing was known yet; so it is `valid_at`. */
export type Moment = { at: number; how: How; early: boolean; key: string };

/** From when on there is something, in unix seconds; null where there is nothing yet. */
export type Reach = { known: number | null; happened: number | null };

/** What the server says of its past; null until it was asked (`ask/reach.ts`). */
export const reach = signal<Reach | null>(null);

const iso = (seconds: number) => new Date(Math.round(seconds * 1_000)).toISOString();

const written = computed<{ how: How; text: string } | null>(() => {
  const { params } = address.value;
  for (const how of ["as_of", "valid_at"] as const) {
    const text = params.get(how);
    if (text) return { how, text };
  }
  return null;
});

const EARLY = " early";

/** Its key, and whether nothing was known yet: what changes when the moment does, and not with what else is learnt. */
const momentKey = computed<string | null>(() => {
  const said = written.value;
  const at = said ? Date.parse(said.text) / 1_000 : Number.NaN;
  if (!said || Number.isNaN(at)) return null;
  const known = reach.value?.known;
  const early = said.how === "as_of" && known != null && at < known;
  const how = early ? "valid_at" : said.how;
  return `${how} ${iso(at)}${early ? EARLY : ""}`;
});

/** The moment that the address names; null: now. */
export const moment = computed<Moment | null>(() => {
  const key = momentKey.value;
  if (key === null) return null;
  const [how, at] = key.split(" ") as [How, string];
  return { at: Date.parse(at) / 1_000, how, early: key.endsWith(EARLY), key };
});

/** Why the address names no moment of the past; empty where it does, or names none at all. */
export const mistaken = computed<"" | "unreadable" | "to come">(() => {
  if (written.value === null) return "";
  const chosen = moment.value;
  if (chosen === null) return "unreadable";
  return chosen.at * 1_000 > now.value ? "to come" : "";
});

/** What the address says, for a message about it. */
export const saidMoment = computed(() => written.value?.text ?? "");

/** The moment as requests take it; nothing for now. */
export function asked(): { as_of?: string; valid_at?: string } {
  const chosen = moment.peek();
  return chosen === null ? {} : { [chosen.how]: iso(chosen.at) };
}

/** Milliseconds since 1970 of the moment that the page shows: of now it moves on. */
export const clock = computed(() => (moment.value === null ? now.value : moment.value.at * 1_000));

/** Goes to a moment; `replace` leaves no step to go back to, as while a slider is moved. */
export const goTo = (at: number, how: How, { replace = false } = {}) =>
  go(hrefHere({ as_of: undefined, valid_at: undefined, [how]: iso(at) }), { replace });

export const backToNow = () => go(hrefHere({ as_of: undefined, valid_at: undefined }));
