import { computed, signal } from "@preact/signals";
import { definitionsTopic, type Definition } from "../definitions";

/** A statement that was run in this browser. `rows` is null where it was refused. */
export type Ran = { sql: string; at: number; rows: number | null; ms: number };

export type SavedQuery = Definition<{ name: string; sql: string; about?: string }>;

const [HISTORY, DRAFT] = ["hindcast.sql.history", "hindcast.sql.draft"];
const MOST = 100;

function read<T>(key: string, otherwise: T): T {
  try {
    return (JSON.parse(localStorage.getItem(key) ?? "null") as T | null) ?? otherwise;
  } catch {
    return otherwise; // a browser that keeps nothing, or something else's entry
  }
}

function write(key: string, value: unknown) {
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch {
    // full, or forbidden: the page works without
  }
}

/** What was run, newest first; the same statement once. */
export const history = signal<readonly Ran[]>(read<Ran[]>(HISTORY, []));

export function remember(ran: Ran) {
  history.value = [ran, ...history.peek().filter(({ sql }) => sql !== ran.sql)].slice(0, MOST);
  write(HISTORY, history.value);
}

export function forgetAll() {
  history.value = [];
  write(HISTORY, []);
}

/** What stood in the editor when the page was left. */
export const draft = () => read<string>(DRAFT, "");
export const keepDraft = (text: string) => write(DRAFT, text);

/** The queries that are defined, by name. */
export const savedQueries = computed<SavedQuery[]>(() =>
  (Object.values(definitionsTopic.data.value ?? {}) as unknown as SavedQuery[])
    .filter(({ kind }) => kind === "query")
    .sort((a, b) => a.name.localeCompare(b.name)),
);
