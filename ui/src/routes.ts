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

const fragment = signal(location.hash);

addEventListener("hashchange", () => (fragment.value = location.hash));

export const currentRoute = computed(
  () => routes.find((route) => addressOf(route) === fragment.value) ?? routes[0],
);
