import { useMemo } from "preact/hooks";
import { askActivity, type Activity as ActivityAnswer } from "../ask/activity";
import { askMetric, POINTS, type MetricAnswer } from "../ask/metrics";
import { useAnswer } from "../ask/useAnswer";
import { ActivityChart } from "../charts/ActivityChart";
import { activitySeries, PANE, type ActivitySeries, type Before } from "../charts/activitySeries";
import { explain } from "../explain/why";
import { compact, duration } from "../format";
import { useTopic } from "../ask/useTopic";
import type { Pane } from "../live/data";
import type { View } from "../live/topic";
import { Empty } from "../panel/Empty";
import { Panel } from "../panel/Panel";
import { SendOneEvent } from "../panel/SendOneEvent";
import { comparison, followsLive, range, shiftBack, versus, type Range, type Versus } from "../range";
import { shared } from "../shared/mode";
import { ActivityTable } from "./ActivityTable";
import type { Kind, Props } from "./kind";
import { REFRESH_MS } from "./useMetric";

/** The metric whose windows are the live panes: what they are compared with is asked for with the tiles' metrics. */
const METRIC = "events";

const paneOf = (y: number, open: boolean): Pane => ({ y, open, exp: null, lo: null, hi: null, score: null, anom: false });

/** The buckets of an answer as panes; one that still fills up is open. */
function askedSeries({ from, to, bucket, events }: ActivityAnswer, endsNow: boolean): ActivitySeries | null {
  if (events.now === 0 && !events.before) return null;
  const openFrom = endsNow ? to - bucket : Infinity;
  const starts = events.trend.map((_, i) => from + i * bucket);
  const panes = Object.fromEntries(starts.map((start, i) => [start, paneOf(events.trend[i]!, start > openFrom)]));
  return activitySeries(panes, Infinity, bucket, (start) => events.trendBefore[(start - from) / bucket] ?? null);
}

/** The page's main chart: events per pane against what was expected, and what they are compared with. */
export function Activity({ title }: Props) {
  const live = followsLive.value;
  const [chosen, versusWhat] = [range.value, versus.value];
  const topic = useTopic("activity_series", live);
  const answer = useAnswer(
    `activity ${chosen.key} ${versusWhat}`,
    () => askActivity(chosen, versusWhat),
    chosen.span ? REFRESH_MS : 0,
    !live,
  );
  const view: View<Record<string, Pane> | ActivityAnswer> = live ? topic : answer;
  const [panes, asked, before] = [topic.data.value, answer.data.value, useBefore()];
  const series = useMemo<ActivitySeries | null>(() => {
    if (!live) return asked && askedSeries(asked, chosen.span !== null);
    return panes && Object.keys(panes).length > 0 ? activitySeries(panes, chosen.seconds, PANE, before) : null;
  }, [live, panes, asked, chosen.key, before]);
  const compared = series?.before.some((value) => value !== null) ? comparison.value : "";
  return (
    <Panel
      title={title}
      topic={view}
      shape="line"
      note={<Legend pane={series?.pane ?? PANE} live={live} comparison={compared} />}
      tools={live && <Ahead />}
      isEmpty={() => series === null}
      empty={
        live ? (
          <Empty title="No events yet">
            <span>Send one with an API key of yours, and this chart begins to move:</span>
            <SendOneEvent />
          </Empty>
        ) : (
          <Empty title="No events in this range">
            <span>Choose another one in the top bar.</span>
          </Empty>
        )
      }
      table={() => series && <ActivityTable series={series} comparison={compared} />}
    >
      {() =>
        series && (
          <ActivityChart
            series={series}
            span={chosen.span ? `last ${chosen.label}` : "the range chosen"}
            comparison={compared}
            open={(start, value) => explain({ measure: "events_total", from: start, to: start + series.pane, value })}
          />
        )
      }
    </Panel>
  );
}

/** Of the live panes: what each would be compared with, from the metric's windows, evened out over its buckets. */
function useBefore(): Before | undefined {
  const [chosen, compared] = [range.value, versus.value];
  const wanted = !shared && followsLive.value && compared !== "none";
  const answer = useAnswer(`before ${chosen.key} ${compared}`, () => askMetric(METRIC, chosen, compared), REFRESH_MS, wanted);
  const found = answer.data.value;
  return useMemo(() => (found && wanted ? beforeOf(found, chosen, compared) : undefined), [found, wanted]);
}

function beforeOf({ series, bucket, from }: MetricAnswer, chosen: Range, compared: Versus): Before | undefined {
  const buckets = series.flatMap(({ before }) => before);
  if (buckets.length === 0 || shiftBack(chosen, compared) === null) return undefined;
  const perPane = Array.from({ length: POINTS }, () => 0);
  for (const { at, count } of buckets) if (at >= 0 && at < POINTS) perPane[at]! += (count * PANE) / bucket;
  return (start) => {
    const place = (start - from) / bucket - 0.5;
    const [left, right] = [perPane[Math.floor(place)], perPane[Math.ceil(place)]];
    if (left === undefined || right === undefined) return left ?? right ?? null;
    return left + (right - left) * (place - Math.floor(place));
  };
}

/** What came with a time that the server's clock has not reached. */
function Ahead() {
  const ahead = useTopic("user_activity").data.value?.ahead?.v ?? 0;
  if (ahead === 0) return null;
  return (
    <span class="chip warn" title="Their time lies ahead of the server's clock; they are shown once it gets there">
      {compact(ahead)} ahead
    </span>
  );
}

function Legend({ pane, live, comparison }: { pane: number; live: boolean; comparison: string }) {
  return (
    <span class="legend">
      events per {duration(pane)}
      <span>
        <i class="key-line" /> actual
      </span>
      {comparison && (
        <span>
          <i class="key-before" /> {comparison}
        </span>
      )}
      {live && (
        <>
          <span>
            <i class="key-open" /> open
          </span>
          <span>
            <i class="key-band" /> expected
          </span>
          <span>
            <i class="key-anomaly">◇</i> anomaly
          </span>
        </>
      )}
    </span>
  );
}

export const activityKind: Kind = {
  type: "user_activity",
  title: () => "User activity",
  reads: "activity_series",
  place: { w: 8, height: 354 },
  component: Activity,
};
