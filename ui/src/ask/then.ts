import { asked } from "../moment";
import { AskError, get } from "./request";

/** Answers that are kept; a moment of the past shows the same again and again. */
const MOST_KEPT = 40;

const kept = new Map<string, Promise<unknown>>();
let last: Promise<unknown> = Promise.resolve();

/**
 * A topic as it was at the moment that the page shows. The server folds its state again for it, so they are asked for one after
 * the other, and each once. Throws `AskError`.
 */
export function topicThen<T>(name: string): Promise<T> {
  const { as_of } = asked();
  if (as_of === undefined) {
    const why = "This view is kept as it was known at each moment. It is not counted anew with what became known later.";
    return Promise.reject(new AskError(why, name, "Only as it was known then"));
  }
  const key = `${name} ${as_of}`;
  const known = kept.get(key);
  if (known) return known as Promise<T>;
  const ask = () => get<{ data: T }>(`/v1/dashboards/${encodeURIComponent(name)}`, { as_of });
  const answer = last.then(ask, ask).then(({ data }) => data);
  last = answer;
  kept.set(key, answer);
  answer.catch(() => kept.delete(key));
  for (const oldest of kept.keys()) if (kept.size > MOST_KEPT) kept.delete(oldest);
  return answer;
}
