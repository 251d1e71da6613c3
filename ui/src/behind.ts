import { metricNamed } from "./definitions";
import { href, type Params } from "./router";

/** Where a click leads, and what is there, in words. */
export type Behind = { link: string; says: string };

/** Seconds before an alert, and after it, that its metric and its events are shown for. */
const BEFORE = 1_800;
const AFTER = 600;

const iso = (seconds: number) => new Date(Math.round(seconds * 1_000)).toISOString();

/** The parameters of a link that leads to a span of its own, in unix seconds. */
export const between = (from: number, to: number): Params => ({ range: undefined, from: iso(from), to: iso(to) });

/** A span around a moment: what led to it, and what came of it. */
export const around = (at: number, until = at): Params => between(at - BEFORE, until + AFTER);

/** What a metric counted: the events of its types and of one series, or the rows of the stream that it is made of. */
export function countedBy(metric: string, key = "", span: Params = {}): Behind {
  const stream = metricNamed(metric)?.stream ?? "user_interactions";
  if (stream !== "user_interactions") {
    return { link: href(["streams", stream], span), says: `The newest rows of ${stream}` };
  }
  return { link: href(["events"], { metric, key: key || undefined, ...span }), says: `The events that ${metric} counts` };
}

export const userLink = (subject: string) => href(["users", subject]);
export const eventLink = (type: string) => href(["events"], { type });
export const metricLink = (name: string) => href(["metrics", name]);
