import type { ComponentType } from "preact";
import type { WidgetSpec } from "../definitions";
import type { TopicName } from "../live/data";

export type Props = { widget: WidgetSpec; title: string };

/**
 * A kind of widget: one file exports one of these, `kinds.ts` lists them. A widget either follows a topic (`reads`) or
 * asks the server (`reads: null`); `range: "answers"` says that it shows the range of the top bar, `own` that it shows
 * a span of its own, which it names.
 */
export type Kind = {
  /** As dashboards call it. */
  type: string;
  /** Where the dashboard gives none. */
  title: (widget: WidgetSpec) => string;
  reads: TopicName | null;
  /** How much room it takes in a `grid`: a tile beside others, a line across, or columns of twelve and a height in px. */
  place: "tile" | "strip" | { w: number; height: number };
  range: "answers" | "own";
  component: ComponentType<Props>;
};
