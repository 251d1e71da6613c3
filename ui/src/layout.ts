/**
 * A page's layout: rows of widgets. Each kind of widget reads one topic; a widget of a known kind needs no new code.
 * The same shape will come from the server's dashboard definitions.
 */

export type MeasureName = "active_users" | "events_per_minute" | "events_total" | "rejected";

export type Widget =
  | {
      kind: "measure";
      topic: "user_activity";
      title: string;
      span: number;
      /** Which measure; which direction is good news; and what it is compared with, in words: "prior 5 min". */
      options: { measure: MeasureName; better: "higher" | "lower"; comparison: string };
    }
  | { kind: "ingest"; topic: "ingest"; title: string; span: number }
  | { kind: "activity"; topic: "activity_series"; title: string; span: number }
  | { kind: "alerts"; topic: "alerts"; title: string; span: number }
  | { kind: "health"; topic: "system_health"; title: string; span: number }
  | { kind: "heat"; topic: "activity_heat"; title: string; span: number }
  | { kind: "top-events"; topic: "top_events"; title: string; span: number };

export type WidgetKind = Widget["kind"];
export type WidgetOf<K extends WidgetKind> = Extract<Widget, { kind: K }>;

/** `columns` is what the widgets' spans add up to; `height` is the least, in px: spare height goes to the panels. */
export type Row = { columns: number; height: number; stretch: boolean; widgets: Widget[] };

export type Layout = { title: string; subtitle: string; rows: Row[] };
