import type { ComponentType } from "preact";
import type { Layout, Widget, WidgetKind, WidgetOf } from "../layout";
import { Activity } from "./Activity";
import { Alerts } from "./Alerts";
import { Boundary } from "./Boundary";
import { Heat } from "./Heat";
import { Ingest } from "./Ingest";
import { Measure } from "./Measure";
import { SystemHealth } from "./SystemHealth";
import { TopEvents } from "./TopEvents";

const kinds: { [K in WidgetKind]: ComponentType<{ widget: WidgetOf<K> }> } = {
  measure: Measure,
  ingest: Ingest,
  activity: Activity,
  alerts: Alerts,
  health: SystemHealth,
  heat: Heat,
  "top-events": TopEvents,
};

/** Renders a layout: each row a grid of its own, so that rows may divide the width differently. */
export function WidgetGrid({ layout }: { layout: Layout }) {
  return (
    <>
      {layout.rows.map((row, i) => (
        <div
          key={i}
          class={row.stretch ? "row stretch" : "row"}
          data-columns={row.columns}
          style={{ "--columns": row.columns, "--height": `${row.height}px`, "--grow": row.height }}
        >
          {row.widgets.map((widget) => (
            <div key={widget.title} class="cell" data-span={widget.span} style={{ "--span": widget.span }}>
              <Boundary title={widget.title} topic={widget.topic}>
                <Placed widget={widget} />
              </Boundary>
            </div>
          ))}
        </div>
      ))}
    </>
  );
}

function Placed({ widget }: { widget: Widget }) {
  // The table pairs each kind with its component; the compiler cannot follow the pair through the union.
  const Kind = kinds[widget.kind] as ComponentType<{ widget: Widget }>;
  return <Kind widget={widget} />;
}
