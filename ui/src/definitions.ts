import { effect } from "@preact/signals";
import { get } from "./ask/request";
import { Answer } from "./ask/useAnswer";
import { live } from "./live";

/** One panel of a dashboard; which `type`s there are says `widgets/kinds.ts`. */
export type WidgetSpec = {
  id: string;
  type: string;
  title?: string;
  metric?: string;
  options?: { measure?: string; aggregate?: string; unit?: string; better?: "higher" | "lower" };
};

/** Where a widget stands on twelve columns; heights are in rows. */
export type Place = { widget: string; x: number; y: number; w: number; h: number };

export type DashboardSpec = { name: string; layout: "grid" | Place[]; widgets: WidgetSpec[] };

export type Dashboard = { name: string; spec: DashboardSpec };

const REFRESH_MS = 60_000;

/** The dashboards that the server defines, in its order: the first is home. */
export const dashboards = new Answer<Dashboard[]>(
  "dashboards",
  async () => (await get<{ definitions: Dashboard[] }>("/v1/definitions", { kind: "dashboard" })).definitions,
  REFRESH_MS,
);

/** Asks for them now, and whenever the link to the server is there again: it may be another server by then. */
export function followDashboards() {
  void dashboards.ask();
  effect(() => {
    if (live.state.value === "live") void dashboards.ask();
  });
}
