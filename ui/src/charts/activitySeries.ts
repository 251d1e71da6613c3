import type uPlot from "uplot";
import type { Pane } from "../live/data";

/** Length of a pane, in seconds. */
export const PANE = 10;

/** The series of the activity chart by their place in its data; 0 is time. */
export const LOW = 1;
export const HIGH = 2;
export const CLOSED = 3;

export type ActivitySeries = { data: uPlot.AlignedData; starts: number[]; panes: (Pane | undefined)[] };

/**
 * The panes of the last `seconds`, on an even grid: a pane the server never sent is a gap in the line, not a zero.
 * A pane that still fills up is no part of the line, which would dive to it; it is marked apart.
 */
export function activitySeries(byStart: Record<string, Pane>, seconds: number): ActivitySeries {
  const known = Object.keys(byStart).map(Number);
  const last = Math.max(...known);
  const first = Math.max(last - seconds + PANE, Math.min(...known));
  const starts: number[] = [];
  for (let start = first; start <= last; start += PANE) starts.push(start);

  const panes = starts.map((start) => byStart[String(start)]);
  const column = (value: (pane: Pane) => number | null) => panes.map((pane) => (pane ? value(pane) : null));
  const data: uPlot.AlignedData = [
    starts,
    column((pane) => pane.lo),
    column((pane) => pane.hi),
    column((pane) => (pane.open ? null : pane.y)),
  ];
  return { data, starts, panes };
}

/** The y axis: from zero unless the closed panes stay far above it. An open pane that outgrows it raises it. */
export function activityRange({ data, panes }: ActivitySeries): [number, number] {
  const values = [data[LOW], data[HIGH], data[CLOSED]].flatMap((column) => Array.from(column ?? []));
  const drawn = values.filter((value): value is number => value != null);
  const open = Math.max(1, ...panes.map((pane) => (pane?.open ? pane.y : 0)));
  if (drawn.length === 0) return [0, open * 1.1];
  const low = Math.min(...drawn);
  const high = Math.max(...drawn, open);
  const pad = (high - Math.max(low, 0)) * 0.1 || high * 0.1;
  return [low > high * 0.5 ? low - pad : 0, high + pad];
}
