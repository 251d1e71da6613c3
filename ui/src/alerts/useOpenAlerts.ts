import { useTopic } from "../live";
import { needsAcknowledgement } from "./acknowledge";

/** How many alerts fire that nobody has taken on. */
export function useOpenAlerts(): number {
  return Object.values(useTopic("alerts").data.value ?? {}).filter(needsAcknowledgement).length;
}
