import type { Problem } from "../live/topic";
import { endSession } from "../session";

/** An answer that did not come, with what to show of it. */
export class AskError extends Error implements Problem {
  constructor(
    override readonly message: string,
    readonly ref: string,
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
  return answered<T>(() => fetch(query.size > 0 ? `${path}?${query}` : path));
}

export type Table = { columns: { name: string }[]; rows: unknown[][]; truncated: boolean };

/** One SQL statement over the streams. Throws `AskError`. */
export async function sql(statement: string, limit: number): Promise<Table> {
  return answered<Table>(() =>
    fetch("/v1/query", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ sql: statement, limit }),
    }),
  );
}

/** A text as SQL has it. */
export const quoted = (text: string) => `'${text.replaceAll("'", "''").replaceAll("\0", "")}'`;

/** DELETEs; answers what became of it. Throws `AskError`. */
export const remove = <T>(path: string) => answered<T>(() => fetch(path, { method: "DELETE" }));

async function answered<T>(send: () => Promise<Response>): Promise<T> {
  let response: Response;
  try {
    response = await send();
  } catch {
    throw new AskError("The server cannot be reached", "offline");
  }
  if (response.status === 401) endSession();
  if (response.ok) return (await response.json()) as T;
  const body = (await response.json().catch(() => null)) as { error?: { reason?: string; ref?: string } } | null;
  throw new AskError(body?.error?.reason ?? `The server answered ${response.status}`, body?.error?.ref ?? String(response.status));
}
