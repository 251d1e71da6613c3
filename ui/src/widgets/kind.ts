import type { ComponentType } from "preact";
import type { WidgetSpec } from "../definitions";
import type { TopicName } from "../live/data";

export type Props = { widget: WidgetSpec; title: string };

/**
 * A kind of widget: one file exports one of these, `kinds.ts` lists them. A widget follows a topic (`reads`), asks the
 * server, or does the one for a short range and the other for a long one (`useOverRange`).
 */
export type Kind = {
  /** As dashboards call it. */
  type: string;
  /** Where the dashboard gives none. */
  title: (widget: WidgetSpec) => string;
  reads: TopicName | null;
  /** How much room it takes in a `grid`: a tile beside others, a line across, or columns of twelve and a height in px. */
  place: "tile" | "strip" | { w: number; height: number };
  component: ComponentType<Props>;
};
