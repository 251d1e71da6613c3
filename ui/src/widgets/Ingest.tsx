import { askActivity } from "../ask/activity";
import { useOverRange } from "../ask/useOverRange";
import { change, count, figure as rounded, signedPercent, withUnit } from "../format";
import type { Ingest as IngestData } from "../live/data";
import { comparison, followsLive, range, type Range, type Versus } from "../range";
import { href } from "../router";
import { Tile, type Figure } from "./Tile";
import type { Kind, Props } from "./kind";

/** Seconds of trend in the tile; the topic keeps more. */
const TREND = 60;
/** One sample a second is due; this long without is stale. */
const RESTLESS = 15;

/** Over a range: the rate of each bucket, and last the mean, before it that of what it is compared with. */
async function ask(chosen: Range, compared: Versus): Promise<IngestData> {
  const { from, to, bucket, events } = await askActivity(chosen, compared);
  const rate = (n: number) => n / (to - from);
  const mean = { now: rate(events.now), before: events.before === null ? null : rate(events.before) };
  return { t: [], rate: events.trend.map((n) => n / bucket), lag: [], mean };
}

/** A tile for what comes in now, and how long it takes to be safe; over a longer range, for the mean of it. */
export function Ingest({ title }: Props) {
  const view = useOverRange("ingest", ask);
  const live = followsLive.value;
  return (
    <Tile
      title={title}
      topic={view}
      restless={live ? RESTLESS : undefined}
      figure={figure}
      behind={() => ({ link: href(["events"]), says: "The events behind it" })}
    />
  );
}

function figure({ rate, lag, mean }: IngestData): Figure {
  if (mean) {
    const fraction = change(mean.now, mean.before);
    const against = mean.before === null ? "mean of the range" : `${rounded(mean.before)}, ${comparison.value}`;
    return {
      value: rounded(mean.now),
      below: <span class="versus">{fraction === null ? against : `${signedPercent(fraction)} vs ${against}`}</span>,
      trend: rate,
      note: range.value.label,
    };
  }
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
  component: Ingest,
};
