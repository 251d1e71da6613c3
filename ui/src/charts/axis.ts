import type uPlot from "uplot";
import { token } from "../theme";

export const CANVAS_FONT = "'Inter Variable', Inter, system-ui, sans-serif";

/** An axis in the page's look: quiet labels, hairlines, no ticks. */
export function axis(overrides: Partial<uPlot.Axis>): uPlot.Axis {
  return {
    stroke: () => token("--ink-3"),
    font: `11px ${CANVAS_FONT}`,
    grid: { stroke: () => token("--grid"), width: 1 },
    ticks: { show: false },
    gap: 8,
    ...overrides,
  };
}

/** The smallest of 1, 2, 5 × 10ⁿ that is at least `value`: the top of an axis that does not twitch. */
export function roundUp(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= value) ?? 10;
  return step * power;
}
