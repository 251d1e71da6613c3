import type { Annotation } from "../ask/annotations";
import { askMetric, total, type Aggregate, type MetricAnswer } from "../ask/metrics";
import { get, sql } from "../ask/request";
import { definitionsTopic, figureOf, metricNamed, unitOf, type Definition } from "../definitions";
import { between } from "../behind";
import { change, count, signedPercent } from "../format";
import type { Range } from "../range";
import { href } from "../router";
import { written } from "../widgets/Metric";

/** One thing that changed, as a sentence; `link` leads to what is behind it, `weight` says how much it matters. */
export type Sentence = { says: string; detail?: string; link: string; mood: "good" | "bad" | "calm" | "alarm"; weight: number };
export type Told = { sentences: Sentence[]; quiet: number };

const MOST_METRICS = 40;
/** A metric that moved by less than this share is not news. */
const NEWS = 0.05;

const plural = (n: number, one: string, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;

export function rangeOf(since: number, until: number): Range {
  return { label: "", span: null, since: String(since), until: String(until), seconds: until - since, key: `home ${since} ${until}` };
}

/** What changed between two moments, beside the span of the same length before; the weightiest first. */
export async function tell(since: number, until: number): Promise<Told> {
  const range = rangeOf(since, until);
  const span = between(since, until);
  const parts = await Promise.all([events(range, span), alerts(since, until, span), metrics(range, span), notes(since, until), Promise.resolve(definitions(since))]);
  const sentences = parts.flatMap(({ sentences }) => sentences).sort((a, b) => b.weight - a.weight);
  return { sentences, quiet: parts.reduce((n, { quiet }) => n + quiet, 0) };
}

const SOME = (sentences: Sentence[], quiet = 0): Told => ({ sentences, quiet });

async function events({ since, until, seconds }: Range, span: ReturnType<typeof between>): Promise<Told> {
  const start = Number(since) - seconds;
  const of = (what: string, people: string, stream: string) => `SELECT '${what}' AS what, count(*) FILTER (WHERE epoch(time) >= ${since}) AS n,
    count(*) FILTER (WHERE epoch(time) < ${since}) AS before, ${people} FILTER (WHERE epoch(time) >= ${since}) AS people
    FROM ${stream} WHERE epoch(time) >= ${start} AND epoch(time) < ${until}`;
  const { rows } = await sql(`${of("events", "count(DISTINCT subject)", "user_interactions")} UNION ALL ${of("refused", "count(*)", "dead_letters")}`, 2);
  const found = new Map((rows as [string, number, number, number][]).map(([what, ...rest]) => [what, rest]));
  const [n = 0, before = 0, people = 0] = found.get("events") ?? [];
  const [refused = 0, refusedBefore = 0] = found.get("refused") ?? [];
  const by = change(n, before);
  const told: Sentence[] = [];
  if (n > 0) {
    told.push({
      says: `${plural(n, "event")} of ${plural(people, "user")} came in`,
      detail: by === null ? "There were none in the span before." : `${signedPercent(by)} against ${count(before)} in the span before.`,
      link: href(["events"], span),
      mood: by === null || Math.abs(by) < NEWS ? "calm" : by > 0 ? "good" : "bad",
      weight: 50,
    });
  } else told.push({ says: "No event came in", detail: before > 0 ? `There were ${count(before)} in the span before: look whether a sender has stopped.` : "", link: href(["sources"]), mood: before > 0 ? "alarm" : "calm", weight: before > 0 ? 95 : 10 });
  if (refused > 0) told.push({ says: `${plural(refused, "row was", "rows were")} refused`, detail: `${count(refusedBefore)} in the span before. They are kept, and can be mended.`, link: href(["sources"]), mood: "bad", weight: refused > refusedBefore ? 70 : 30 });
  return SOME(told);
}

async function alerts(since: number, until: number, span: ReturnType<typeof between>): Promise<Told> {
  const { rows } = await sql(
    `SELECT arg_max(alert, time), rule, count(DISTINCT alert) FILTER (WHERE type = 'alert.fired') AS fired, arg_max(type, time) AS state, arg_max(message, time)
     FROM alerts WHERE type IN ('alert.fired', 'alert.resolved', 'alert.acknowledged') AND epoch(time) >= ${since} AND epoch(time) < ${until}
     GROUP BY rule HAVING fired > 0 ORDER BY fired DESC LIMIT 20`,
    20,
  );
  return SOME(
    (rows as [string, string, number, string, string | null][]).map(([id, rule, fired, state, message]) => {
      const open = state !== "alert.resolved";
      return { says: `${rule} fired ${fired === 1 ? "once" : `${count(fired)} times`}${open ? ", and is open" : ", and is over"}`, detail: message ?? "", link: href(["alerts", id], span), mood: open ? "alarm" : "calm", weight: open ? 100 : 60 };
    }),
  );
}

/** Each metric that moved, with its figure, what it was, and its largest part. */
async function metrics(range: Range, span: ReturnType<typeof between>): Promise<Told> {
  const names = Object.values(definitionsTopic.data.peek() ?? {})
    .filter(({ kind, name }) => kind === "metric" && !name.startsWith("{"))
    .map(({ name }) => name)
    .sort()
    .slice(0, MOST_METRICS);
  const answers = await Promise.all(names.map((name) => askMetric(name, range, "prior", 1).then((found) => [name, found] as const)));
  const sentences: Sentence[] = [];
  let quiet = 0;
  for (const [name, found] of answers) {
    const said = moved(name, found, span);
    if (said) sentences.push(said);
    else quiet++;
  }
  return SOME(sentences, quiet);
}

export function moved(name: string, { series }: MetricAnswer, span: ReturnType<typeof between>): Sentence | null {
  const aggregate = figureOf(name) as Aggregate;
  const unit = aggregate === "count" || aggregate === "distinct" ? undefined : unitOf(name);
  const [first] = series;
  if (!first) return null;
  const additive = aggregate === "count" || aggregate === "sum";
  const parts = unit === "money" || !additive ? [first] : series;
  const sum = (which: "now" | "before") => {
    const known = parts.map((each) => (each[which].length > 0 ? total(each[which], aggregate) : null)).filter((each) => each !== null);
    return known.length > 0 ? known.reduce((a, b) => a + b, 0) : null;
  };
  const [now, before] = [sum("now"), sum("before")];
  if (now === null) return null;
  const by = change(now, before);
  if (by === null || Math.abs(by) < NEWS) return null;
  const key = unit === "money" || !additive ? first.key : "";
  const figure = written(now, unit, key);
  const spec = metricNamed(name);
  const cause = additive && parts.length > 1 ? largest(parts, aggregate, unit) : "";
  return {
    says: `${name}${!additive && key ? ` of ${key}` : ""} is ${figure}, ${by > 0 ? "up" : "down"} ${signedPercent(by)}`,
    detail: `It was ${written(before, unit, key)} in the span before.${cause && spec?.key ? ` Most of it: ${spec.key} ${cause}.` : ""}`,
    link: href(["metrics", name], span),
    mood: "calm",
    weight: 40 + Math.min(19, Math.abs(by) * 10),
  };
}

/** The series that moved most, with by how much. */
function largest(series: MetricAnswer["series"], aggregate: Aggregate, unit: string | undefined): string {
  const by = series.map(({ key, now, before }) => ({ key, by: (total(now, aggregate) ?? 0) - (total(before, aggregate) ?? 0) }));
  const [most] = by.sort((a, b) => Math.abs(b.by) - Math.abs(a.by));
  return most && most.by !== 0 ? `${most.key || "none"}, ${most.by > 0 ? "+" : ""}${written(most.by, unit === "money" ? undefined : unit, most.key)}` : "";
}

async function notes(since: number, until: number): Promise<Told> {
  const found = await get<{ annotations: Annotation[] }>("/v1/annotations", { since, until }).catch(() => ({ annotations: [] }));
  return SOME(found.annotations.slice(0, 10).map(({ title, kind, time, about }) => ({ says: `${title} was marked as ${kind === "incident" ? "an" : "a"} ${kind}`, detail: about, link: href([], between(time - 1_800, time + 1_800)), mood: kind === "incident" ? ("bad" as const) : ("calm" as const), weight: 45 })));
}

function definitions(since: number): Told {
  const all = Object.values(definitionsTopic.data.peek() ?? {}) as Definition[];
  const fresh = all.filter(({ at, kind, owner }) => at >= since && kind !== "share" && owner === "api").sort((a, b) => b.at - a.at);
  const shown = fresh.slice(0, 6).map(({ kind, name, by, spec }) => ({ says: `${by || "Somebody"} changed the ${kind} ${(spec.name as string | undefined) ?? name}`, detail: "", link: href(["definitions", kind, name]), mood: "calm" as const, weight: 20 }));
  return SOME(shown, fresh.length - shown.length);
}
