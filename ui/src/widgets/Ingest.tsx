import { count, withUnit } from "../format";
import type { WidgetOf } from "../layout";
import { useTopic } from "../live";
import { Tile } from "./Tile";

/** Seconds of trend in the tile; the topic keeps more. */
const TREND = 60;
/** One sample a second is due; this long without is stale. */
const RESTLESS = 15;

/** A tile for what comes in now, and how long it takes to be safe. */
export function Ingest({ widget }: { widget: WidgetOf<"ingest"> }) {
  const topic = useTopic("ingest");
  return (
    <Tile
      title={widget.title}
      topic={topic}
      restless={RESTLESS}
      figure={({ rate, lag }) => ({
        value: count(rate.at(-1) ?? 0),
        below: <span class="versus">p95 lag {withUnit(count(lag.at(-1) ?? 0), "ms")}, last second</span>,
        trend: rate.slice(-TREND),
      })}
    />
  );
}
