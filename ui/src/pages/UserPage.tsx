import { recentEvents, type Event } from "../ask/events";
import { useAnswer } from "../ask/useAnswer";
import { count, dayAndMinute, secondsOf } from "../format";
import { Empty } from "../panel/Empty";
import { Panel } from "../panel/Panel";
import { range } from "../range";
import { href } from "../router";
import { Icon } from "../shell/Icon";
import type { Captured } from "./routes";
import { Timeline } from "./Timeline";

const LIMIT = 500;
const REFRESH_MS = 5_000;

/** What one user did, in the range of the top bar. */
export function UserPage({ captured }: { captured: Captured }) {
  const subject = captured.subject ?? "";
  const chosen = range.value;
  const answer = useAnswer(
    `${subject} ${chosen.key}`,
    () => recentEvents({ subject }, chosen, LIMIT),
    chosen.span ? REFRESH_MS : 0,
  );
  const found = answer.data.value;
  return (
    <>
      <a class="button back" href={href(["events"], { subject })}>
        <Icon name="back" /> In the list of events
      </a>
      <div class="two narrow-first">
        <Panel
          title="In short"
          topic={answer}
          shape="rows"
          note={chosen.label}
          isEmpty={({ events }) => events.length === 0}
          empty={
            <Empty title="No events in this range">
              <span>Choose a longer one in the top bar.</span>
            </Empty>
          }
        >
          {({ events }) => <Short events={events} />}
        </Panel>
        <Panel
          title="Timeline"
          topic={answer}
          shape="rows"
          note={found && (found.events.length >= LIMIT ? `the newest ${count(LIMIT)}` : `${count(found.events.length)} events`)}
          isEmpty={({ events }) => events.length === 0}
          empty={
            <Empty title={`${subject} did nothing in this range`}>
              <span>Or the log no longer has it.</span>
            </Empty>
          }
        >
          {({ events }) => <Timeline events={events} />}
        </Panel>
      </div>
    </>
  );
}

function Short({ events }: { events: Event[] }) {
  const times = events.map(({ time }) => secondsOf(time));
  const byType = Object.entries(counted(events.map(({ type }) => type))).sort(([, a], [, b]) => b - a);
  return (
    <div class="facts" tabIndex={0} role="region" aria-label="The user in short">
      <dl>
        <div>
          <dt>Events</dt>
          <dd>{count(events.length)}{events.length >= LIMIT && " or more"}</dd>
        </div>
        <div>
          <dt>First</dt>
          <dd>{dayAndMinute(times.reduce((a, b) => Math.min(a, b)))}</dd>
        </div>
        <div>
          <dt>Last</dt>
          <dd>{dayAndMinute(times.reduce((a, b) => Math.max(a, b)))}</dd>
        </div>
        <div>
          <dt>Sources</dt>
          <dd>{[...new Set(events.map(({ source }) => source))].join(", ")}</dd>
        </div>
      </dl>
      <h3>Most often</h3>
      <dl>
        {byType.slice(0, 8).map(([type, n]) => (
          <div key={type}>
            <dt>{type}</dt>
            <dd>{count(n)}</dd>
          </div>
        ))}
      </dl>
    </div>
  );
}

function counted(names: string[]): Record<string, number> {
  const found: Record<string, number> = {};
  for (const name of names) found[name] = (found[name] ?? 0) + 1;
  return found;
}
