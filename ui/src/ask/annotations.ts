import { signal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { moment } from "../moment";
import { shared } from "../shared/mode";
import { get, post, remove } from "./request";

/** What happened when; `time` and `end` unix seconds, no `end`: a moment. */
export type Annotation = { id: string; time: number; end?: number | null; title: string; kind: string; about: string; link: string; dashboard: string; author: string };

export const KINDS = ["release", "campaign", "incident", "change", "note"] as const;

/** Changes whenever one was made or taken back here. */
const changed = signal(0);
const STEP = 300;
const AGAIN_MS = 60_000;

type Kept = { at: number; found: Promise<Annotation[]> };
const kept = new Map<string, Kept>();

/** Those of a span. Charts of one span share one question. */
function between(from: number, to: number): Promise<Annotation[]> {
  const key = `${from} ${to} ${changed.peek()}`;
  const known = kept.get(key);
  if (known && Date.now() - known.at < AGAIN_MS / 2) return known.found;
  const found = get<{ annotations: Annotation[] }>("/v1/annotations", { since: from, until: to })
    .then(({ annotations }) => annotations)
    .catch(() => []); // a chart is whole without them
  kept.set(key, { at: Date.now(), found });
  for (const oldest of kept.keys()) if (kept.size > 30) kept.delete(oldest);
  return found;
}

/** The annotations of a chart's span, asked for again every minute. A link shows none. */
export function useAnnotations(from: number, to: number, dashboard: string): Annotation[] {
  const [found, setFound] = useState<Annotation[]>([]);
  const [start, end] = [Math.floor(from / STEP) * STEP, Math.ceil(to / STEP + 1) * STEP];
  const wanted = !shared && to > from && moment.value === null;
  useEffect(() => {
    if (!wanted) return setFound([]);
    let left = false;
    const ask = () => void between(start, end).then((all) => !left && setFound(all.filter((one) => !one.dashboard || one.dashboard === dashboard)));
    ask();
    const timer = setInterval(ask, AGAIN_MS);
    return () => {
      left = true;
      clearInterval(timer);
    };
  }, [start, end, wanted, dashboard, changed.value]);
  return found;
}

export async function annotate(said: Partial<Annotation> & { title: string }): Promise<Annotation> {
  const made = await post<Annotation>("/v1/annotations", said);
  changed.value++;
  return made;
}

export async function takeBack(id: string): Promise<void> {
  await remove<void>(`/v1/annotations/${encodeURIComponent(id)}`);
  changed.value++;
}
