import { useMemo } from "preact/hooks";
import type uPlot from "uplot";
import { compact, dayOf, minuteOfDay } from "../format";
import { token } from "../theme";
import { axis } from "./axis";
import { Plot } from "./Plot";

export type Line = {
  name: string;
  values: (number | null)[];
  dashed?: boolean;
  /** A value as the legend has it; lines of one chart may be of several currencies. */
  write: (value: number) => string;
};

type Props = { times: number[]; lines: Line[]; label: string };

const DAYS = 3 * 86_400;

/** Days where the axis is long, else the time of the day. */
const timeOver = (times: number[]) => (times.at(-1)! - times[0]! > DAYS ? dayOf : minuteOfDay);

/** At most six lines on one scale, told apart by colour and named in the legend, which shows the values under the cursor. */
export function Lines({ times, lines, label }: Props) {
  const data = useMemo<uPlot.AlignedData>(() => [times, ...lines.map(({ values }) => values)], [times, lines]);
  const names = lines.map(({ name }) => name).join("\n") + (times.at(-1)! - times[0]! > DAYS);
  return (
    <div class="plot lines" role="img" aria-label={label}>
      <Plot
        remake={names}
        data={data}
        options={() => ({
          padding: [12, 12, 0, 4],
          legend: { show: true, live: true },
          scales: { x: { time: true }, y: { range: (_, low, high) => [Math.min(0, low), high > 0 ? high * 1.08 : 1] } },
          axes: [
            axis({ values: (_, splits) => splits.map(timeOver(times)) }),
            axis({ size: 56, values: (_, splits) => splits.map(compact) }),
          ],
          series: [
            {},
            ...lines.map(({ name, dashed, write }, i) => ({
              label: name,
              stroke: dashed ? token("--ink-3") : token(`--c${(i % 6) + 1}`),
              width: 1.6,
              dash: dashed ? [5, 4] : undefined,
              points: { show: false },
              value: (_: uPlot, value: number | null) => (value == null ? "–" : write(value)),
            })),
          ],
        })}
      />
    </div>
  );
}
