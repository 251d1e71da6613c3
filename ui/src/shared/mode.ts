import { signal } from "@preact/signals";
import type { DashboardSpec, MetricSpec } from "../definitions";

const PATH = "/shared/";

/** The token of the link that this page was opened by; empty where it was opened by somebody who signed in. */
export const token = location.pathname.startsWith(PATH) ? decodeURIComponent(location.pathname.slice(PATH.length)) : "";

/** Whether this page shows what a link shows, and nothing else. */
export const shared = token !== "";

/** What the link shows. `filtered`: the properties that it fixes; `expires`: unix seconds. */
export type SharedView = {
  title: string | null;
  dashboards: (DashboardSpec & { id: string })[];
  metrics: Record<string, MetricSpec>;
  filtered: string[];
  expires: number | null;
  every_s: number;
  range: string | null;
};

export const view = signal<SharedView | null>(null);

/** What requests of this page carry: the link's token, or nothing, for the browser sends the session itself. */
export const bearing = (): Record<string, string> => (shared ? { Authorization: `Bearer ${token}` } : {});
