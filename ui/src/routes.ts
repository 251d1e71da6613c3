import { computed, signal } from "@preact/signals";
import type { ComponentType } from "preact";
import type { IconName } from "./shell/Icon";
import { Overview } from "./pages/Overview";
import { overview } from "./pages/overview-layout";

export type Route = { path: string; title: string; subtitle: string; icon: IconName; page: ComponentType };

/** The navigation, in order. A page joins by its file in `pages/` and a row here; the first is home. */
export const routes: readonly [Route, ...Route[]] = [
  { path: "overview", title: overview.title, subtitle: overview.subtitle, icon: "home", page: Overview },
];

/** The address of a route: the fragment, so that any server of static files will do. */
export const addressOf = (route: Route) => `#/${route.path}`;

/** The address that shows one alert, as notifications link to it. */
const ALERT = /^#\/alert\/([^/]+)$/;

const fragment = signal(location.hash);

addEventListener("hashchange", () => (fragment.value = location.hash));

/** The alert that the address names; null where it names none. */
export const linkedAlert = computed(() => ALERT.exec(fragment.value)?.[1] ?? null);

/** Null where the address leads nowhere. */
export const currentRoute = computed(() => {
  const leadsSomewhere = fragment.value.startsWith("#/") && fragment.value !== "#/";
  if (!leadsSomewhere || linkedAlert.value) return routes[0];
  return routes.find((route) => addressOf(route) === fragment.value) ?? null;
});

/** What the address says, for a page that has to say that there is no such page. */
export const unknownAddress = computed(() => (currentRoute.value ? "" : fragment.value));
