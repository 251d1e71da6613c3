import { signal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import { ActivityChart } from "../charts/ActivityChart";
import { activitySeries, type ActivitySeries } from "../charts/activitySeries";
import { compact } from "../format";
import { useTopic } from "../live";
import { Empty } from "../panel/Empty";
import { Panel } from "../panel/Panel";
import { SendOneEvent } from "../panel/SendOneEvent";
import { useShortcuts } from "../shortcuts";
import { ActivityTable } from "./ActivityTable";
import { Choice } from "./Choice";
import type { Kind, Props } from "./kind";

const ranges = [10, 30, 60] as const;
type Minutes = (typeof ranges)[number];

/** Kept for the visit, so that leaving the page and coming back does not lose it. */
const range = signal<Minutes>(30);

function lengthen(by: number) {
  const next = ranges[ranges.indexOf(range.peek()) + by];
  if (next) range.value = next;
}

/** The page's main chart: events per pane against what was expected. */
export function Activity({ title }: Props) {
  const topic = useTopic("activity_series");
  const minutes = range.value;
  const data = topic.data.value;
  const series = useMemo<ActivitySeries | null>(
    () => (data && Object.keys(data).length > 0 ? activitySeries(data, minutes * 60) : null),
    [data, minutes],
  );
  useShortcuts([
    {
      keys: ["[", "]"],
      label: "[ ]",
      does: "shorter or longer range",
      run: (key) => lengthen(key === "]" ? 1 : -1),
    },
  ]);
  return (
    <Panel
      title={title}
      topic={topic}
      shape="line"
      note={<Legend />}
      tools={
        <>
          <Ahead />
          <Choice
            label="Range"
            choices={ranges}
            chosen={minutes}
            text={(m) => `${m}m`}
            choose={(m) => (range.value = m)}
          />
        </>
      }
      isEmpty={() => series === null}
      empty={
        <Empty title="No events yet">
          <span>Send one with an API key of yours, and this chart begins to move:</span>
          <SendOneEvent />
        </Empty>
      }
      table={() => series && <ActivityTable series={series} />}
    >
      {() => series && <ActivityChart series={series} minutes={minutes} />}
    </Panel>
  );
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

function Legend() {
  return (
    <span class="legend">
      events per 10 s
      <span>
        <i class="key-line" /> actual
      </span>
      <span>
        <i class="key-open" /> open
      </span>
      <span>
        <i class="key-band" /> expected
      </span>
      <span>
        <i class="key-anomaly">◇</i> anomaly
      </span>
    </span>
  );
}

export const activityKind: Kind = {
  type: "user_activity",
  title: () => "User activity",
  reads: "activity_series",
  place: { w: 8, height: 354 },
  range: "own",
  component: Activity,
};
