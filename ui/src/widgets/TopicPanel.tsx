import type { ComponentChildren } from "preact";
import type { WidgetOptions, WidgetSpec } from "../definitions";
import { Empty } from "../panel/Empty";
import { Panel } from "../panel/Panel";
import type { SkeletonShape } from "../panel/Skeleton";
import { shared } from "../shared/mode";
import { useAround } from "./context";
import { useSource, type Source } from "./source";
import { NotThere, rowsAt, type Row } from "./topicRows";

type Props = {
  title: string;
  widget: WidgetSpec;
  shape: SkeletonShape;
  note?: ComponentChildren;
  /** The rows as a table; gives the panel its switch. */
  table?: (rows: Row[], options: WidgetOptions) => ComponentChildren;
  children: (rows: Row[], options: WidgetOptions) => ComponentChildren;
};

/** A panel over the rows of any topic, kept query or question. What the dashboard asks for and is not there is said in its place. */
export function SourcePanel({ title, widget, shape, note, table, children }: Props) {
  const source = useSource(widget);
  const { span } = useAround();
  const { view, options, what } = source;
  const way = options.rows;
  const drawn = (data: unknown, draw: (rows: Row[], options: WidgetOptions) => ComponentChildren) => {
    try {
      return draw(rowsAt(data, way), options);
    } catch (error) {
      if (error instanceof NotThere) return <Misfit source={source} says={error.message} />;
      throw error;
    }
  };
  return (
    <Panel
      title={title}
      topic={view}
      shape={shape}
      note={note ?? span}
      isEmpty={(data) => isEmpty(data, way)}
      empty={
        <Empty title="Nothing here yet">
          <span>{widget.topic === undefined ? "Nothing answers it in this range. Choose a longer one in the top bar." : `${what[0]!.toLowerCase()}${what.slice(1)} has no rows. They appear as soon as it has some.`.replace(/^t/, "T")}</span>
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

/** The dashboard and its source do not fit each other: what is missing, and where to see what there is. */
export function Misfit({ source, says }: { source: Source; says: string }) {
  const { behind, what } = source;
  return (
    <div class="message" role="alert">
      <b>This widget does not fit its {what.startsWith("The topic") ? "topic" : what.startsWith("The query") ? "query" : "question"}</b>
      <span>{says}.</span>
      {behind && !shared && (
        <a class="button" href={behind.link}>
          {what.startsWith("The topic") ? "See the topic's data" : "See what it has"}
        </a>
      )}
    </div>
  );
}
