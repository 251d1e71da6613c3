import { get, post, remove } from "../ask/request";

/** A link to dashboards, for those without a key. `path`: below the system's address. */
export type SharedLink = {
  id: string;
  dashboards: string[];
  title: string | null;
  filter: Record<string, string>;
  expires: number | null;
  origins: string[];
  every_s: number;
  by: string;
  made: number;
  path: string;
};

export type NewShare = { dashboards: string[]; title?: string; filter?: Record<string, string>; expires?: number; origins?: string[]; every_s?: number; range?: string };

export const shares = () => get<{ shares: SharedLink[] }>("/v1/shares").then(({ shares }) => shares);
export const makeShare = (wanted: NewShare) => post<SharedLink>("/v1/shares", wanted);
export const revoke = (id: string) => remove<void>(`/v1/shares/${encodeURIComponent(id)}`);
export const addressOf = ({ path }: SharedLink) => location.origin + path;
