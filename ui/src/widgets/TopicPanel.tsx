import type { ComponentChildren } from "preact";
import type { View } from "../live/topic";
import { useNamedTopic } from "../ask/useTopic";
import { Empty } from "../panel/Empty";
import { Panel } from "../panel/Panel";
import type { SkeletonShape } from "../panel/Skeleton";
import { href } from "../router";
import { NotThere, rowsAt, type Row } from "./topicRows";

type Props = {
  title: string;
  topic: string;
  /** Where the rows are in the topic; none: the topic itself. */
  way?: string;
  shape: SkeletonShape;
  note?: ComponentChildren;
  /** The rows as a table; gives the panel its switch. */
  table?: (rows: Row[]) => ComponentChildren;
  children: (rows: Row[]) => ComponentChildren;
};

/** A panel over the rows of any topic. What the dashboard asks for and the topic does not have is said in its place. */
export function TopicPanel({ title, topic, way, shape, note, table, children }: Props) {
  const view: View<unknown> = useNamedTopic(topic);
  const drawn = (data: unknown, draw: (rows: Row[]) => ComponentChildren) => {
    try {
      return draw(rowsAt(data, way));
    } catch (error) {
      if (error instanceof NotThere) return <Misfit topic={topic} says={error.message} />;
      throw error;
    }
  };
  return (
    <Panel
      title={title}
      topic={view}
      shape={shape}
      note={note}
      isEmpty={(data) => isEmpty(data, way)}
      empty={
        <Empty title="Nothing here yet">
          <span>The topic {topic} has no rows. They appear as soon as it has some.</span>
        </Empty>
      }
      table={table && ((data) => drawn(data, table))}
    >
      {(data) => drawn(data, children)}
    </Panel>
  );
}

function isEmpty(data: unknown, way: string | undefined): boolean {
  if (typeof data === "object" && data !== null && Object.keys(data).length === 0) return true;
  try {
    return rowsAt(data, way).length === 0;
  } catch {
    return false; // it does not fit, which is said where it would be drawn
  }
}

/** The dashboard and the topic do not fit each other: what is missing, and where to see what there is. */
export function Misfit({ topic, says }: { topic: string; says: string }) {
  return (
    <div class="message" role="alert">
      <b>This widget does not fit its topic</b>
      <span>{says}.</span>
      <a class="button" href={href(["topics", topic])}>
        See the topic's data
      </a>
    </div>
  );
}
