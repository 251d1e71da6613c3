import type uPlot from "uplot";
import type { Pane } from "../live/data";

/** Length of a pane of the live view, in seconds. */
export const PANE = 10;

/** The series of the activity chart by their place in its data; 0 is time. */
export const LOW = 1;
export const HIGH = 2;
export const BEFORE = 3;
export const CLOSED = 4;

/** `pane`: the length of one, in seconds; `before`: what the same panes had in the span that is compared with. */
export type ActivitySeries = {
  data: uPlot.AlignedData;
  starts: number[];
  panes: (Pane | undefined)[];
  before: (number | null)[];
  pane: number;
};

/** A value at a time that lies between panes; null where there is none. */
export type Before = (start: number) => number | null;

const nothing: Before = () => null;

/**
 * The panes of the last `seconds`, on an even grid: a pane the server never sent is a gap in the line, not a zero.
 * A pane that still fills up is no part of the line, which would dive to it; it is marked apart.
 */
export function activitySeries(byStart: Record<string, Pane>, seconds: number, pane = PANE, before = nothing): ActivitySeries {
  const known = Object.keys(byStart).map(Number);
  const last = Math.max(...known);
  const first = Math.max(last - seconds + pane, Math.min(...known));
  const starts: number[] = [];
  for (let start = first; start <= last; start += pane) starts.push(start);

  const panes = starts.map((start) => byStart[String(start)]);
  const earlier = starts.map(before);
  const column = (value: (pane: Pane) => number | null) => panes.map((pane) => (pane ? value(pane) : null));
  const data: uPlot.AlignedData = [
    starts,
    column((pane) => pane.lo),
    column((pane) => pane.hi),
    earlier,
    column((pane) => (pane.open ? null : pane.y)),
  ];
  return { data, starts, panes, before: earlier, pane };
}

/** The y axis: from zero unless the closed panes stay far above it. An open pane that outgrows it raises it. */
export function activityRange({ data, panes }: ActivitySeries): [number, number] {
  const values = [data[LOW], data[HIGH], data[BEFORE], data[CLOSED]].flatMap((column) => Array.from(column ?? []));
  const drawn = values.filter((value): value is number => value != null);
  const open = Math.max(1, ...panes.map((pane) => (pane?.open ? pane.y : 0)));
  if (drawn.length === 0) return [0, open * 1.1];
  const low = Math.min(...drawn);
  const high = Math.max(...drawn, open);
  const pad = (high - Math.max(low, 0)) * 0.1 || high * 0.1;
  return [low > high * 0.5 ? low - pad : 0, high + pad];
}
