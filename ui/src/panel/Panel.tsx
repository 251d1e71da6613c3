import type { ComponentChildren } from "preact";
import { useId, useState } from "preact/hooks";
import { duration } from "../format";
import { live } from "../live";
import type { View } from "../live/topic";
import { moment } from "../moment";
import { Icon } from "../shell/Icon";
import { now } from "../time";
import { Failed } from "./Failed";
import { Skeleton, type SkeletonShape } from "./Skeleton";

type Props<T> = {
  title: string;
  /** Beside the title: what the figures cover, or a legend. */
  note?: ComponentChildren;
  tools?: ComponentChildren;
  topic: View<T>;
  shape: SkeletonShape;
  /** Seconds without a frame after which a topic that should never rest is shown as stale. */
  restless?: number;
  isEmpty: (data: T) => boolean;
  empty: ComponentChildren;
  /** The same figures as a table; gives the panel its switch. */
  table?: (data: T) => ComponentChildren;
  children: (data: T) => ComponentChildren;
};

/** A titled card that knows the states every view of a topic has: loading, failed, empty, stale, well. */
export function Panel<T>(props: Props<T>) {
  const { title, note, tools, topic, table } = props;
  const heading = useId();
  const [asTable, setAsTable] = useState(false);
  const data = topic.data.value;
  const age = staleness(topic, props.restless);

  function content() {
    if (topic.problem.value) return <Failed problem={topic.problem.value} retry={topic.retry} />;
    if (data === null) {
      if (live.state.value === "offline") return <Failed problem={OFFLINE} retry={() => live.connect()} />;
      return <Skeleton shape={props.shape} title={title} />;
    }
    if (props.isEmpty(data)) return props.empty;
    return asTable && table ? table(data) : props.children(data);
  }

  return (
    <section class={age === null && !topic.stale.value ? "panel" : "panel stale"} aria-labelledby={heading} aria-busy={data === null}>
      <header>
        <h2 id={heading}>{title}</h2>
        {note && <span class="note">{note}</span>}
        <span class="spring" />
        {topic.stale.value && data !== null && (
          <span class="chip warn" title={topic.stale.value}>
            stale · {topic.stale.value}
          </span>
        )}
        {age !== null && !topic.stale.value && data !== null && (
          <span class="chip warn">
            {live.state.value === "paused" ? "paused" : "stale"} · {duration(age)}
          </span>
        )}
        {tools}
        {table && data !== null && !props.isEmpty(data) && (
          <button
            type="button"
            class="button square small"
            aria-pressed={asTable}
            aria-label={asTable ? `${title}: view as chart` : `${title}: view as table`}
            title={asTable ? "View as chart" : "View as table"}
            onClick={() => setAsTable(!asTable)}
          >
            <Icon name={asTable ? "chart" : "table"} />
          </button>
        )}
      </header>
      <div class="panel-body">{content()}</div>
    </section>
  );
}

const OFFLINE = { message: "The server cannot be reached; trying again", ref: "offline" };

/** How old the figures are in seconds, or null while they are current. */
export function staleness(topic: View<unknown>, restless = Infinity): number | null {
  if (moment.value !== null) return null; // the past does not age
  if (live.state.value !== "live") return live.lostAt.value && (now.value - live.lostAt.value) / 1_000;
  const quiet = (now.value - topic.receivedAt.value) / 1_000;
  return topic.receivedAt.value > 0 && quiet > restless ? quiet : null;
}
