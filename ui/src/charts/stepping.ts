import type uPlot from "uplot";

const steps: Record<string, number> = { ArrowLeft: -1, ArrowRight: 1, PageDown: 6, PageUp: -6, Home: -1e9, End: 1e9 };

/** Moves the cursor of a chart by the key that was pressed; false where the key moves nothing. */
export function stepped(plot: uPlot | null, key: string): boolean {
  const by = steps[key];
  const times = plot?.data[0];
  if (!plot || by === undefined || !times?.length) return false;
  const last = times.length - 1;
  const index = Math.max(0, Math.min(last, (plot.cursor.idx ?? last + 1) + by));
  plot.setCursor({ left: plot.valToPos(times[index]!, "x"), top: 20 });
  return true;
}

/** Takes the cursor away. */
export const unread = (plot: uPlot | null) => plot?.setCursor({ left: -10, top: -10 });
