import { get, post } from "./request";

/** A source that the system reads by itself, as `/v1/status` tells of it. Ages in seconds; null: not since its host started. */
export type Source = {
  name: string;
  kind: string;
  stream: string;
  state: string;
  rows: number;
  refused: number;
  last_error: string;
  row_s_ago: number | null;
  lag_s: number | null;
  behind: number | null;
  note: string;
};

export const sources = async () => (await get<{ pulled: Source[] }>("/v1/status")).pulled;

/** A row that was refused, and still waits to be mended. */
export type Letter = { id: string; at: number; stream: string; field: string; reason: string; payload: string; source: string | null };

export const letters = () => get<{ letters: Letter[]; total: number }>("/v1/dead_letters", { limit: 200 });

export type Replayed = {
  accepted: number;
  duplicate: number;
  refused: { id: string; field: string; reason: string }[];
  refused_total: number;
  events: Record<string, unknown>[];
};

/** Which letters, and by field what it is to be: an expression over what was sent. */
export type Mending = { id?: string; field?: string; reason?: string; set: Record<string, string> };

/** What would become of them (`dry_run`), or what became of them. */
export const replay = (mending: Mending, dry_run: boolean) => post<Replayed>("/v1/dead_letters/replay", { ...mending, dry_run, limit: 1_000 });
