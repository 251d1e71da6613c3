import { signal } from "@preact/signals";
import { AskError, get } from "../ask/request";
import { live } from "../live";
import { view, type SharedView } from "./mode";

/** Why the link opens nothing; null while it does. */
export const problem = signal<AskError | null>(null);

/** What the definitions' topic would say, as far as a link shows it: the metrics of its dashboards. */
function known({ metrics }: SharedView) {
  const entries = Object.entries(metrics).map(([name, spec]) => [`metric/${name}`, { kind: "metric", name, spec, version: 0, by: "", at: 0, owner: "api" }]);
  return Object.fromEntries(entries);
}

/** Asks what the link shows, then follows what of it is live. */
export async function openShared() {
  try {
    const found = await get<SharedView>("/v1/shared");
    live.topic<unknown>("definitions").data.value = known(found);
    view.value = found;
    live.connect();
  } catch (error) {
    problem.value = error instanceof AskError ? error : new AskError(String(error), "shared");
  }
}
