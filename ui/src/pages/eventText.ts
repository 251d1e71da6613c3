import type { Event } from "../ask/events";
import { dayAndMinute, figure, money, secondOfDay, secondsOf } from "../format";
import { clock } from "../moment";

type Json = Record<string, unknown>;

/** The object that a column of JSON holds; empty where it holds none. */
export function objectOf(text: string | null): Json {
  if (!text) return {};
  try {
    const found: unknown = JSON.parse(text);
    return typeof found === "object" && found !== null ? (found as Json) : {};
  } catch {
    return { text };
  }
}

/** "course: algebra, plan: pro" of an event's properties, for a line of a list. */
export function summary(event: Event): string {
  return Object.entries(objectOf(event.properties))
    .map(([name, value]) => `${name}: ${typeof value === "object" ? JSON.stringify(value) : String(value)}`)
    .join(", ");
}

/** What the event is worth: an amount of money, or a value. */
export function worth(event: Event): string {
  if (event.amount !== null) return money(event.amount, event.currency ?? "");
  return event.value === null ? "" : figure(event.value);
}

/** Who did it: the signed-in user, else the visitor. */
export const who = (event: Event) => event.subject ?? event.anonymous_id ?? "";

const DAY_S = 86_400;

/** The time of the day within the last day, else with its date. */
export function when(iso: string): string {
  const at = secondsOf(iso);
  return Math.abs(clock.peek() / 1_000 - at) < DAY_S ? secondOfDay(at) : dayAndMinute(at);
}
