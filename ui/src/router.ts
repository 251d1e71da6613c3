import { computed, signal } from "@preact/signals";

/** What stands behind the `#`: the way as its parts, decoded, and the parameters behind the `?`. */
export type Address = { path: readonly string[]; params: URLSearchParams };

/** Parameters that every link carries on: the time range, its zone, what it is compared with, and the moment of the past. */
const CARRIED = ["range", "from", "to", "tz", "vs", "as_of", "valid_at"] as const;

const fragment = signal(location.hash);

addEventListener("hashchange", () => (fragment.value = location.hash));

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // a stray per cent sign stands for itself
  }
}

/** The address as it is now. The fragment holds it, so that any server of static files will do. */
export const address = computed<Address>(() => {
  const [way = "", query = ""] = (fragment.value.startsWith("#/") ? fragment.value.slice(2) : "").split("?", 2);
  return { path: way.split("/").filter(Boolean).map(decoded), params: new URLSearchParams(query) };
});

/** The way as text, for a page that has to say that there is no such page. */
export const writtenAddress = computed(() => fragment.value.split("?")[0] ?? "");

/** Parameters by name; one that is empty or undefined is left out. */
export type Params = Record<string, string | undefined>;

/** A link within the page: each part is escaped, and the time range goes with it. */
export function href(path: readonly string[], params: Params = {}): string {
  const query = new URLSearchParams();
  for (const name of CARRIED) {
    const value = address.value.params.get(name);
    if (value && !(name in params)) query.set(name, value);
  }
  for (const [name, value] of Object.entries(params)) if (value) query.set(name, value);
  const way = path.map(encodeURIComponent).join("/");
  return `#/${way}${query.size > 0 ? `?${query}` : ""}`;
}

/** The same page with other parameters; those not named stay as they are. */
export function hrefHere(params: Params): string {
  const now: Params = Object.fromEntries(address.value.params);
  return href(address.value.path, { ...now, ...params });
}

/** Goes to a link of this page's; `replace` leaves no step to go back to, as while a filter is typed. */
export function go(link: string, { replace = false } = {}) {
  if (!replace) {
    location.hash = link;
    fragment.value = location.hash; // the event comes a moment later: a second step must start from here
    return;
  }
  history.replaceState(null, "", link);
  fragment.value = location.hash;
}
