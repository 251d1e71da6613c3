import { quoted, sql } from "../ask/request";
import { dashboards, definitionsTopic } from "../definitions";
import { live } from "../live";
import type { TopicData } from "../live/data";
import { moment } from "../moment";
import { rail } from "../pages/routes";
import { href } from "../router";
import { switchTheme } from "../theme";

/** Something that can be found: where it leads, or what it does. */
export type Item = { group: string; name: string; detail?: string; link?: string; run?: () => void };

const KINDS: Record<string, (name: string) => Item> = {
  metric: (name) => ({ group: "Metrics", name, link: href(["metrics", name]) }),
  rule: (name) => ({ group: "Alert rules", name, link: href(["definitions", "rule", name]) }),
  query: (name) => ({ group: "Kept queries", name, link: href(["sql", name]) }),
  cohort: (name) => ({ group: "Cohorts", name, link: href(["explore"], { ask: "cohort", q: JSON.stringify({ ask: "cohort", events: [], cohort: name }) }) }),
};

/** What is known here: pages, dashboards, definitions, the types of events that come most, and a few deeds. */
export function known(): Item[] {
  const pages = rail.peek().flatMap(({ title, links }) => (title === "Dashboards" ? links.slice(0, 1) : links).map(({ title: name, link }): Item => ({ group: "Pages", name, link })));
  const boards = (dashboards.peek() ?? []).map(({ name, spec }): Item => ({ group: "Dashboards", name: spec.name, detail: name, link: href(["dashboards", name]) }));
  const defined = Object.values(definitionsTopic.data.peek() ?? {}).flatMap(({ kind, name }) => (name.startsWith("{") ? [] : (KINDS[kind]?.(name) ?? [])));
  const events = (live.topic<TopicData["top_events"]>("top_events").data.peek()?.rows ?? []).map(({ name, source }): Item => ({ group: "Events", name, detail: source, link: href(["events"], { type: name }) }));
  const deeds: Item[] = [
    { group: "Do", name: "Switch between dark and light", run: switchTheme },
    ...(moment.peek() === null ? [{ group: "Do", name: "Make a dashboard", link: href(["new-dashboard"]) }] : []),
    { group: "Do", name: "Show all dashboards in turn", link: href(["rotate"]) },
  ];
  return [...boards, ...pages, ...defined, ...events, ...deeds];
}

/** How well a name fits what was typed: whole, at its beginning, at a word, within, or its letters in this order; 0: not. */
export function fit(name: string, typed: string): number {
  const [text, wanted] = [name.toLowerCase(), typed.toLowerCase()];
  if (wanted === "") return 1;
  if (text === wanted) return 100;
  if (text.startsWith(wanted)) return 80 - text.length / 100;
  const at = text.indexOf(wanted);
  if (at > 0) return (/[\s._\-/]/.test(text[at - 1]!) ? 60 : 40) - text.length / 100;
  let place = -1;
  let gaps = 0;
  for (const letter of wanted) {
    const next = text.indexOf(letter, place + 1);
    if (next < 0) return 0;
    gaps += next - place - 1;
    place = next;
  }
  return Math.max(1, 20 - gaps);
}

const MOST = 40;
const OF_A_GROUP = 8;

/** Those that fit best, by group, the group with the best one first. */
export function found(items: Item[], typed: string): Item[] {
  const scored = items.map((item) => ({ item, score: Math.max(fit(item.name, typed), fit(item.detail ?? "", typed) * 0.7 * Number(typed !== "")) })).filter(({ score }) => score > 0);
  if (typed !== "") scored.sort((a, b) => b.score - a.score);
  const groups = new Map<string, Item[]>();
  for (const { item } of scored) {
    const group = groups.get(item.group) ?? [];
    groups.set(item.group, group);
    if (group.length < OF_A_GROUP) group.push(item);
  }
  return [...groups.values()].flat().slice(0, MOST);
}

const SEARCHED_DAYS = 30;

/** Users and types of events of the last month whose names hold what was typed. */
export async function searched(typed: string): Promise<Item[]> {
  const like = quoted(`%${typed.replaceAll(/[\\%_]/g, (each) => `\\${each}`)}%`);
  const recent = `time >= now() - INTERVAL ${SEARCHED_DAYS} DAY`;
  const { rows } = await sql(
    `(SELECT 'user' AS what, subject AS name, count(*) AS n FROM user_interactions WHERE ${recent} AND subject ILIKE ${like} ESCAPE '\\' GROUP BY ALL ORDER BY n DESC, name LIMIT 8)
     UNION ALL (SELECT 'event', type, count(*) AS n FROM user_interactions WHERE ${recent} AND type ILIKE ${like} ESCAPE '\\' GROUP BY ALL ORDER BY n DESC LIMIT 8)`,
    16,
  );
  return (rows as [string, string, number][]).map(([what, name, n]) =>
    what === "user" ? { group: "Users", name, detail: `${n} events`, link: href(["users", name]) } : { group: "Events", name, detail: `${n} in ${SEARCHED_DAYS} days`, link: href(["events"], { type: name }) },
  );
}
