import { useMemo } from "preact/hooks";
import type uPlot from "uplot";
import { compact } from "../format";
import { token } from "../theme";
import { axis } from "./axis";
import { Plot } from "./Plot";

export type Line = { name: string; values: (number | null)[]; dashed?: boolean };

type Props = { times: number[]; lines: Line[]; label: string; write?: (value: number) => string };

/** At most six lines on one scale, told apart by colour and named in the legend, which shows the values under the cursor. */
export function Lines({ times, lines, label, write = compact }: Props) {
  const data = useMemo<uPlot.AlignedData>(() => [times, ...lines.map(({ values }) => values)], [times, lines]);
  const names = lines.map(({ name }) => name).join("\n");
  return (
    <div class="plot lines" role="img" aria-label={label}>
      <Plot
        remake={names}
        data={data}
        options={() => ({
          padding: [12, 12, 0, 4],
          legend: { show: true, live: true },
          scales: { x: { time: true }, y: { range: (_, low, high) => [Math.min(0, low), high > 0 ? high * 1.08 : 1] } },
          axes: [axis({}), axis({ size: 64, values: (_, splits) => splits.map((value) => write(value)) })],
          series: [
            {},
            ...lines.map(({ name, dashed }, i) => ({
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
