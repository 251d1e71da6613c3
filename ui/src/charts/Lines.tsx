import { useMemo, useRef } from "preact/hooks";
import type uPlot from "uplot";
import { compact, dayOf, minuteOfDay, secondOfDay } from "../format";
import { token } from "../theme";
import { axis } from "./axis";
import { Plot } from "./Plot";
import { stepped, unread } from "./stepping";

export type Line = {
  name: string;
  values: (number | null)[];
  dashed?: boolean;
  /** A value as the legend has it; lines of one chart may be of several currencies. */
  write: (value: number) => string;
};

type Props = {
  times: number[];
  lines: Line[];
  label: string;
  /** Opens what is behind a point: which time, and which line. */
  open?: (time: number, line: number) => void;
};

const DAYS = 3 * 86_400;
const MINUTES = 600;

/** Days where the axis is long, seconds where it is short, else the time of the day. */
function timeOver(times: number[]) {
  const span = times.at(-1)! - times[0]!;
  return span > DAYS ? dayOf : span < MINUTES ? secondOfDay : minuteOfDay;
}

/**
 * At most six lines on one scale, told apart by colour and named in the legend, which shows the values under the cursor.
 * Arrow keys move from value to value; a click, or Enter, opens the point.
 */
export function Lines({ times, lines, label, open }: Props) {
  const data = useMemo<uPlot.AlignedData>(() => [times, ...lines.map(({ values }) => values)], [times, lines]);
  const latest = useRef({ times, lines });
  latest.current = { times, lines };
  const plot = useRef<uPlot | null>(null);
  const names = lines.map(({ name }) => name).join("\n") + timeOver(times).name;

  function openRead() {
    const chart = plot.current;
    const index = chart?.cursor.idx;
    if (!open || !chart || index == null) return;
    open(latest.current.times[index]!, nearest(chart, index));
  }

  function key(event: KeyboardEvent) {
    if (event.key === "Enter") openRead();
    else if (stepped(plot.current, event.key)) event.preventDefault();
  }

  return (
    <div
      class={open ? "plot lines opens" : "plot lines"}
      tabIndex={0}
      role="application"
      aria-roledescription="line chart"
      aria-label={`${label}. Use the arrow keys to read values${open ? ", and Enter to see what is behind one" : ""}.`}
      onKeyDown={key}
      onClick={openRead}
      onBlur={() => unread(plot.current)}
    >
      <Plot
        remake={names}
        data={data}
        onMade={(made) => (plot.current = made)}
        options={() => ({
          padding: [12, 18, 0, 4],
          legend: { show: true, live: true },
          cursor: { y: false, drag: { x: false, y: false } },
          scales: { x: { time: true }, y: { range: (_, low, high) => rangeOf(low, high) } },
          axes: [
            axis({ size: 30, space: 74, values: (_, splits) => splits.map(timeOver(latest.current.times)) }),
            axis({ size: 56, values: (_, splits) => splits.map(onAxis) }),
          ],
          series: [
            {},
            ...lines.map(({ name, dashed }, i) => ({
              label: name,
              stroke: dashed ? token("--ink-3") : token(`--c${(i % 6) + 1}`),
              width: dashed ? 1.4 : 1.8,
              dash: dashed ? [5, 4] : undefined,
              points: { show: alone(lines[i]!) },
              value: (_: uPlot, value: number | null) => said(latest.current.lines[i], value),
            })),
          ],
        })}
      />
    </div>
  );
}

/** The value under the cursor; without one, the last that there is. */
function said(line: Line | undefined, value: number | null): string {
  const shown = value ?? line?.values.filter((each) => each !== null).at(-1);
  return shown == null || !line ? "–" : line.write(shown);
}

/** From zero where values are positive; nothing at all stands at the foot of the chart. */
function rangeOf(low: number | null, high: number | null): [number, number] {
  const [least, most] = [Math.min(0, low ?? 0), Math.max(0, high ?? 0)];
  if (least === most) return [0, 1];
  return [least * 1.08, most * 1.08];
}

/** 0.25, 1, 12K: axes of small fractions keep their digits. */
const onAxis = (value: number) => (Math.abs(value) < 10 ? String(Number(value.toPrecision(3))) : compact(value));

/** Values that have no neighbour are no line: they are drawn as points. */
const alone = ({ values }: Line) => values.filter((value) => value !== null).length === 1;

/** Which line's value at a time is nearest to the cursor. */
function nearest(plot: uPlot, index: number): number {
  const wanted = plot.posToVal(plot.cursor.top ?? 0, "y");
  const away = plot.data.slice(1).map((values) => {
    const value = values[index];
    return value == null ? Infinity : Math.abs(value - wanted);
  });
  return away.indexOf(Math.min(...away));
}
