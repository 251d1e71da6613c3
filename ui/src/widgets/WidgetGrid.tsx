import { useMemo } from "preact/hooks";
import { metricNamed, type DashboardSpec, type Place, type WidgetSpec } from "../definitions";
import { Boundary } from "./Boundary";
import { AroundWidget, useAround } from "./context";
import { kindOf } from "./kinds";

/** Tiles in a row, at most; more make another row. */
const TILES = 6;
const COLUMNS = 12;
const TILE_HEIGHT = 142;
const PANEL_HEIGHT = 354;

export type Row = { form: "tiles" | "strip" | "panels"; widgets: WidgetSpec[]; columns: number; height: number };

/** Draws a dashboard: widgets one after the other, or each in the place that the definition gives it. */
export function WidgetGrid({ dashboard, id, filters = {} }: { dashboard: DashboardSpec; id: string; filters?: Record<string, string> }) {
  const { layout, widgets } = dashboard;
  return (
    <AroundWidget.Provider value={{ dashboard: id, filters }}>
      {Array.isArray(layout) ? <Placed widgets={widgets} places={layout} /> : <Flowing widgets={widgets} />}
    </AroundWidget.Provider>
  );
}

/** Each row is a grid of its own, so that rows may divide the width differently. */
function Flowing({ widgets }: { widgets: WidgetSpec[] }) {
  return (
    <>
      {rowsOf(widgets).map(({ form, widgets, columns, height }) => (
        <div
          key={widgets[0]!.id}
          class={form === "panels" ? "row stretch" : `row ${form}`}
          data-columns={columns}
          style={{ "--columns": columns, "--height": `${height}px`, "--grow": height }}
        >
          {widgets.map((widget) => (
            <Cell key={widget.id} widget={widget} span={form === "panels" ? widthOf(widget) : 1} />
          ))}
        </div>
      ))}
    </>
  );
}

/** On twelve columns; where the screen is narrow, in the order of their places. */
function Placed({ widgets, places }: { widgets: WidgetSpec[]; places: Place[] }) {
  const inOrder = [...places].sort((a, b) => a.y - b.y || a.x - b.x);
  return (
    <div class="board">
      {inOrder.map((place) => {
        const widget = widgets.find(({ id }) => id === place.widget);
        return widget && <Cell key={widget.id} widget={widget} span={place.w} place={place} />;
      })}
    </div>
  );
}

function Cell({ widget, span, place }: { widget: WidgetSpec; span: number; place?: Place }) {
  const kind = kindOf(widget.type);
  const style = place
    ? { "--x": `${place.x + 1} / span ${place.w}`, "--y": `${place.y + 1} / span ${place.h}`, "--height": `${heightOf(widget)}px` }
    : { "--span": span };
  return (
    <div class="cell" data-span={span} data-form={typeof kind.place === "object" ? "panel" : kind.place} style={style}>
      <Shown widget={widget} />
    </div>
  );
}

/** A widget as its kind draws it, over its own range where it has one; with a word where the reader's filters do not reach it. */
export function Shown({ widget }: { widget: WidgetSpec }) {
  const kind = kindOf(widget.type);
  const title = widget.title ?? kind.title(widget);
  const around = useAround();
  const here = useMemo(() => ({ ...around, span: widget.range }), [around, widget.range]);
  const beyond = unreached(widget, around.filters);
  return (
    <AroundWidget.Provider value={here}>
      <Boundary title={title} topic={kind.reads ?? widget.topic ?? null}>
        <kind.component key={widget.type} widget={widget} title={title} />
      </Boundary>
      {beyond && (
        <span class="chip calm unreached" title={beyond}>
          not filtered
        </span>
      )}
    </AroundWidget.Provider>
  );
}

/** Why the reader's filters do not change a widget; empty where they do. */
function unreached({ type, metric, topic, query, question, options }: WidgetSpec, filters: Record<string, string>): string {
  const fields = Object.keys(filters);
  if (fields.length === 0 || type === "text" || query !== undefined || question !== undefined) return "";
  if (topic !== undefined) return options?.rows === undefined ? "Its topic has no rows to filter." : "";
  const key = metric === undefined ? undefined : metricNamed(metric)?.key;
  const wrong = fields.find((field) => field !== key);
  return wrong === undefined ? "" : metric === undefined ? "This view is of everything." : `The metric ${metric} is not kept by ${wrong}.`;
}

function widthOf(widget: WidgetSpec): number {
  const { place } = kindOf(widget.type);
  return typeof place === "object" ? place.w : COLUMNS;
}

/** Where places of their own do not fit the screen, panels are of one height, so that those beside each other end together. */
const heightOf = (widget: WidgetSpec) => (typeof kindOf(widget.type).place === "object" ? PANEL_HEIGHT : TILE_HEIGHT);

/** Tiles stand beside tiles; panels stand together up to twelve columns, and fill the row; a strip has one of its own. */
export function rowsOf(widgets: WidgetSpec[]): Row[] {
  const rows: Row[] = [];
  for (const widget of widgets) {
    const { place } = kindOf(widget.type);
    const row = rows.at(-1);
    if (place === "tile") {
      if (row?.form === "tiles" && row.columns < TILES) row.widgets.push(widget), row.columns++;
      else rows.push({ form: "tiles", widgets: [widget], columns: 1, height: TILE_HEIGHT });
    } else if (place === "strip") {
      rows.push({ form: "strip", widgets: [widget], columns: 1, height: 0 });
    } else if (row?.form === "panels" && row.columns + place.w <= COLUMNS) {
      row.widgets.push(widget);
      row.columns += place.w;
      row.height = Math.max(row.height, place.height);
    } else {
      rows.push({ form: "panels", widgets: [widget], columns: place.w, height: place.height });
    }
  }
  return rows;
}
