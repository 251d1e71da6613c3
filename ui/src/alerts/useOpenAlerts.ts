import { useTopicNow } from "../ask/useTopic";
import { needsAcknowledgement } from "./acknowledge";

/** How many alerts fire now that nobody has taken on, whatever moment the page shows. */
export function useOpenAlerts(): number {
  return Object.values(useTopicNow("alerts").data.value ?? {}).filter(needsAcknowledgement).length;
}
