import { computed } from "@preact/signals";
import type { Aggregate } from "../ask/metrics";
import { address, go, hrefHere } from "../router";

/** A value of one window of a metric; without `start`, of its newest. */
export type OfWindow = { metric: string; key: string; start?: number };

/**
 * A value of a metric over several windows. Without `key` all of its series are added up. `value` is what was shown, so that what
 * is added up again can be held against it.
 */
export type OfSpan = { metric: string; key?: string; from: number; to: number; aggregate: Aggregate; value: number | null };

export type OfAlert = { alert: string };

/** A figure of user activity; without `from` and `to`, of all that the log has. */
export type OfMeasure = { measure: MeasureName; from?: number; to?: number; value: number };

/** A cell of the answer to a statement; `row` counts from 0. `as_of`: the answer's own, so that it is the same answer. */
export type OfCell = { sql: string; row: number; column: string; as_of: string };

export type MeasureName = "active_users" | "events_per_minute" | "events_total" | "rejected";

export type Why = OfWindow | OfSpan | OfAlert | OfMeasure | OfCell;

/** The number that the address asks to be explained. */
export const why = computed<Why | null>(() => {
  try {
    return JSON.parse(address.value.params.get("why") ?? "null") as Why | null;
  } catch {
    return null; // a link that was cut short: the page is there without it
  }
});

/** Opens the explanation of a number beside the page; its address can be sent to somebody. */
export const explain = (asked: Why) => go(hrefHere({ why: JSON.stringify(asked) }));

export const closeExplanation = () => go(hrefHere({ why: undefined }), { replace: true });
