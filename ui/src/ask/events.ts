import { asked, moment } from "../moment";
import { ends, type Range } from "../range";
import { get } from "./request";

/** One event of the log, as `/v1/interactions` gives it. Times are ISO 8601 in UTC. */
export type Event = {
  id: string;
  source: string;
  type: string;
  subject: string | null;
  anonymous_id: string | null;
  time: string;
  received: string;
  amount: number | null;
  currency: string | null;
  value: number | null;
  properties: string | null;
  context: string | null;
  producer: string;
  offset: number;
};

export type Filter = { type: string; source: string; subject: string; text: string };

/** What a metric counts, as `/v1/interactions` filters: any of these types, and columns with the values they have. */
export type Counted = { types: readonly string[]; where: readonly string[] };

export type Events = { events: Event[]; looked_at: number; complete: boolean };

export function recentEvents({ type = "", ...filter }: Partial<Filter>, range: Range, limit: number, counted?: Counted) {
  const types = type ? [type] : (counted?.types ?? []);
  const where = counted?.where ?? [];
  return get<Events>("/v1/interactions", { ...filter, type: types, where, ...spanOf(range), limit });
}

/** What was received up to the moment of the page; with hindsight, what happened up to it, whenever it was received. */
function spanOf(range: Range): Record<string, string> {
  const { as_of } = asked();
  const then = moment.peek();
  if (as_of !== undefined || then === null) return { since: range.since, until: range.until, ...(as_of ? { as_of } : {}) };
  const { from, to } = ends(range);
  return { since: String(Math.min(from, then.at - 1)), until: String(Math.min(to, then.at)) };
}

/** Where an event stands in the log: what its address carries, so that it is found without a search. */
export const placeOf = (event: Event) => `${event.producer}@${event.offset}`;

/** The event at a place of the log; null where another one stands there, or none. */
export async function eventAt(place: string, id: string): Promise<Event | null> {
  const cut = place.lastIndexOf("@");
  const producer = place.slice(0, cut);
  const { as_of } = asked();
  const page = await get<{ rows: Event[] }>("/v1/streams/user_interactions", {
    producer,
    after: Number(place.slice(cut + 1)) || 0,
    limit: 1,
    ...(as_of ? { as_of } : {}),
  });
  const [row] = page.rows;
  return row && row.id === id ? row : null;
}

/** The newest event with that id, looked for through the last days of the log. */
export async function eventById(id: string): Promise<Event | null> {
  const until = moment.peek()?.how === "valid_at" ? String(moment.peek()!.at) : "";
  const { as_of = "" } = asked();
  const { events } = await get<Events>("/v1/interactions", { text: id, since: "90d", until, as_of, limit: 20 });
  return events.find((event) => event.id === id) ?? null;
}
