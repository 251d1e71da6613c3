import type { TableInfo } from "./tables";

export type Suggestion = { text: string; what: "table" | "column" | "word"; of?: string };

const WORDS = [
  "SELECT", "FROM", "WHERE", "GROUP BY", "GROUP BY ALL", "ORDER BY", "LIMIT", "HAVING", "WITH", "AS", "AND", "OR", "NOT", "IN", "IS NULL",
  "BETWEEN", "LIKE", "ILIKE", "CASE", "WHEN", "THEN", "ELSE", "END", "JOIN", "LEFT JOIN", "ON", "USING", "DISTINCT", "DESC", "UNION ALL",
  "QUALIFY", "OVER", "PARTITION BY", "count(*)", "count(DISTINCT", "sum(", "avg(", "min(", "max(", "quantile_cont(", "date_trunc('hour',",
  "date_trunc('day',", "epoch(", "now()", "INTERVAL 1 HOUR", "coalesce(", "json_extract_string(", "round(", "lower(", "SUMMARIZE", "DESCRIBE",
]; // prettier-ignore
const MOST = 8;

/** The word that ends at the caret, and where it begins. Within quotes there is none. */
export function wordBefore(text: string, caret: number): { word: string; start: number } {
  const before = text.slice(0, caret);
  const [word = ""] = /[A-Za-z_][\w]*$/.exec(before) ?? [];
  return quotes(before) ? { word: "", start: caret } : { word, start: caret - word.length };
}

/** Whether a text that ends here is inside a string. */
const quotes = (before: string) => (before.match(/'/g)?.length ?? 0) % 2 === 1;

/**
 * What may be meant by the word at the caret, the likeliest first: columns of the tables that the statement names, tables, and
 * words of SQL. Behind FROM and JOIN, tables alone.
 */
export function suggestions(text: string, caret: number, known: readonly TableInfo[]): Suggestion[] {
  const { word, start } = wordBefore(text, caret);
  const wantsTable = /\b(from|join)\s+$/i.test(text.slice(0, start));
  if (word === "" && !wantsTable) return [];
  const ofTables = known.map(({ name }): Suggestion => ({ text: name, what: "table" }));
  if (wantsTable) return matching(ofTables, word);
  const named = known.filter(({ name }) => new RegExp(`\\b${name}\\b`).test(text));
  const columns = named.flatMap(({ name, columns }) => columns.map((text): Suggestion => ({ text, what: "column", of: name })));
  const once = columns.filter(({ text }, i) => columns.findIndex((other) => other.text === text) === i);
  return matching([...once, ...ofTables, ...WORDS.map((text): Suggestion => ({ text, what: "word" }))], word);
}

function matching(all: Suggestion[], word: string): Suggestion[] {
  const wanted = word.toLowerCase();
  const begins = all.filter(({ text }) => text.toLowerCase().startsWith(wanted));
  if (begins.some(({ text }) => text === word)) return []; // it is written out
  const holds = wanted.length < 2 ? [] : all.filter(({ text, what }) => what !== "word" && text.toLowerCase().indexOf(wanted) > 0);
  return [...begins, ...holds].slice(0, MOST);
}
