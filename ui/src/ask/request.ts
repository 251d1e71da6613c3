import type { Problem } from "../live/topic";
import { asked } from "../moment";
import { bearing } from "../shared/mode";
import { endSession } from "../session";

/** An answer that did not come, with what to show of it. */
export class AskError extends Error implements Problem {
  constructor(
    override readonly message: string,
    readonly ref: string,
    readonly title?: string,
    /** The status of the answer; 0 where none came. */
    readonly status = 0,
    readonly field = "",
  ) {
    super(message);
  }
}

/** GETs JSON of the server; parameters that are empty are left out. Throws `AskError`. */
export async function get<T>(path: string, params: Record<string, string | number | readonly string[]> = {}): Promise<T> {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    const several = Array.isArray(value) ? (value as readonly string[]) : [String(value)];
    for (const each of several) if (each !== "") query.append(name, each);
  }
  return answered<T>(() => fetch(query.size > 0 ? `${path}?${query}` : path, { headers: bearing() }));
}

/** `type` is DuckDB's name of it, such as `BIGINT`. */
export type Result = { columns: { name: string; type: string }[]; rows: unknown[][]; truncated: boolean; elapsed_ms: number; as_of: string };

/** A statement with the moments, in unix seconds, that `$since` and `$until` in it stand for. */
export const spanned = (statement: string, { from, to }: { from: number; to: number }) =>
  statement.replaceAll("$since", `to_timestamp(${from})`).replaceAll("$until", `to_timestamp(${to})`);

/**
 * One SQL statement over the streams, at the moment of the page, or `as_of` another one. `signal` gives it up; `over` is the range that
 * `$since` and `$until` in it stand for. Throws `AskError`.
 */
export const sql = (statement: string, limit: number, signal?: AbortSignal, over?: { from: number; to: number }, as_of?: string) =>
  answered<Result>(() =>
    fetch("/v1/query", {
      method: "POST",
      ...json({ sql: over ? spanned(statement, over) : statement, limit, ...asked(), ...(as_of ? { as_of } : {}) }),
      signal,
    }),
  );

/** Where a cell of an answer comes from. Throws `AskError`. */
export const explainCell = <T>({ as_of, ...cell }: { sql: string; row: number; column: string; as_of: string }) =>
  post<T>("/v1/explain", { ...cell, ...asked(), ...(as_of ? { as_of } : {}) });

/** The answer to a statement in another form, and whether rows were cut off. Throws `AskError`. */
export const fileOf = (statement: string, accept: string, as_of: string) => {
  const { headers, body } = json({ sql: statement, ...asked(), ...(as_of ? { as_of } : {}) });
  const ask = () => fetch("/v1/query", { method: "POST", headers: { ...headers, Accept: accept }, body });
  return answered(ask, async (response) => ({ blob: await response.blob(), truncated: response.headers.get("hindcast-truncated") === "true" }));
};

/** POSTs JSON. Throws `AskError`. */
export const post = <T>(path: string, body: unknown) => answered<T>(() => fetch(path, { method: "POST", ...json(body) }));

/** PUTs JSON. Throws `AskError`. */
export const put = <T>(path: string, body: unknown) => answered<T>(() => fetch(path, { method: "PUT", ...json(body) }));

const json = (body: unknown) => ({ headers: { "Content-Type": "application/json", ...bearing() }, body: JSON.stringify(body) });

/** A text as SQL has it. */
export const quoted = (text: string) => `'${text.replaceAll("'", "''").replaceAll("\0", "")}'`;

/** DELETEs; answers what became of it. Throws `AskError`. */
export const remove = <T>(path: string) =>
  answered<T>(() => fetch(path, { method: "DELETE", headers: bearing() }), async (response) => (response.status === 204 ? (undefined as T) : ((await response.json()) as T)));

/** A server that is busy says so, and when to come again; that is done so often, and told to the reader only then. */
const TRIES = 8;
const BUSY = [429, 503];
const LONGEST_WAIT_S = 5;

async function sent(send: () => Promise<Response>): Promise<Response> {
  for (let tries = 1; ; tries++) {
    const response = await send();
    const after = Number(response.headers.get("retry-after"));
    if (!BUSY.includes(response.status) || !(after > 0) || tries === TRIES) return response;
    await new Promise((resolve) => setTimeout(resolve, Math.min(after, LONGEST_WAIT_S) * (500 + 500 * Math.random())));
  }
}

async function answered<T>(send: () => Promise<Response>, read = (response: Response) => response.json() as Promise<T>): Promise<T> {
  let response: Response;
  try {
    response = await sent(send);
  } catch {
    throw new AskError("The server cannot be reached", "offline");
  }
  if (response.status === 401) endSession();
  if (response.ok) return await read(response);
  const body = (await response.json().catch(() => null)) as { error?: { reason?: string; ref?: string; field?: string } } | null;
  const { reason, ref, field } = body?.error ?? {};
  throw new AskError(reason ?? `The server answered ${response.status}`, ref ?? String(response.status), undefined, response.status, field);
}
