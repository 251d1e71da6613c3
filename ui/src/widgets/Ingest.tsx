import { count, withUnit } from "../format";
import { useTopic } from "../live";
import { href } from "../router";
import type { Ingest as IngestData } from "../live/data";
import { Tile, type Figure } from "./Tile";
import type { Kind, Props } from "./kind";

/** Seconds of trend in the tile; the topic keeps more. */
const TREND = 60;
/** One sample a second is due; this long without is stale. */
const RESTLESS = 15;

/** A tile for what comes in now, and how long it takes to be safe. */
export function Ingest({ title }: Props) {
  const topic = useTopic("ingest");
  return <Tile title={title} topic={topic} restless={RESTLESS} figure={figure} behind={{ link: href(["events"]), says: "The events behind it" }} />;
}

function figure({ rate, lag }: IngestData): Figure {
  const [lastRate, lastLag] = [rate.at(-1), lag.at(-1)];
  if (lastRate === undefined) return { value: "–", below: <span class="versus">no samples yet</span>, trend: [] };
  return {
    value: count(lastRate),
    // A second without a commit has no lag to tell of.
    below: (
      <span class="versus">
        {lastLag == null ? "nothing committed" : `p95 lag ${withUnit(count(lastLag), "ms")}`}, last second
      </span>
    ),
    trend: rate.slice(-TREND),
  };
}

export const ingestKind: Kind = {
  type: "ingest",
  title: () => "Ingest, events/s",
  reads: "ingest",
  place: "tile",
  range: "own",
  component: Ingest,
};
