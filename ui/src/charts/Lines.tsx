import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type uPlot from "uplot";
import { useAnnotations, type Annotation } from "../ask/annotations";
import { compact, dayAndMinute, dayOf, minuteOfDay, secondOfDay } from "../format";
import { token } from "../theme";
import { axis } from "./axis";
import { useAround } from "../widgets/context";
import { Marks } from "./marks";
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
  /** Each on top of the one before it, so that all together are the height. */
  stacked?: boolean;
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
export function Lines({ times, lines, label, stacked = false, open }: Props) {
  const data = useMemo<uPlot.AlignedData>(() => [times, ...(stacked ? heaped(lines) : lines.map(({ values }) => values))], [times, lines, stacked]);
  const { dashboard } = useAround();
  const noted = useAnnotations(times[0] ?? 0, times.at(-1) ?? 0, dashboard);
  const drawnMarks = useRef(noted);
  drawnMarks.current = noted;
  const [near, setNear] = useState<{ one: Annotation; left: number } | null>(null);
  const latest = useRef({ times, lines });
  latest.current = { times, lines };
  const plot = useRef<uPlot | null>(null);
  useEffect(() => plot.current?.redraw(false), [noted]);
  const names = lines.map(({ name }) => name).join("\n") + timeOver(times).name;

  function openRead() {
    const chart = plot.current;
    const index = chart?.cursor.idx;
    if (!open || !chart || index == null) return;
    open(latest.current.times[index]!, stacked ? within(chart, index) : nearest(chart, index));
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
        remake={`${names} ${stacked}`}
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
              fill: stacked ? faded(token(`--c${(i % 6) + 1}`)) : undefined,
              stroke: dashed ? token("--ink-3") : token(`--c${(i % 6) + 1}`),
              width: dashed ? 1.4 : 1.8,
              dash: dashed ? [5, 4] : undefined,
              points: { show: alone(lines[i]!) },
              value: (_: uPlot, value: number | null, __: number, at: number | null) => said(latest.current.lines[i], stacked && at != null ? (latest.current.lines[i]?.values[at] ?? null) : stacked ? null : value),
            })),
          ],
          bands: stacked ? lines.slice(1).map((_, i) => ({ series: [i + 2, i + 1] as [number, number] })) : [],
          hooks: {
            draw: [(u) => note(u, drawnMarks.current)],
            setCursor: [(u) => setNear(nearMark(u, drawnMarks.current))],
          },
        })}
      />
      {near && (
        <div class="mark-tip" style={{ "--left": `${near.left}px` }} role="status">
          <b>{near.one.title}</b>
          <span>
            {near.one.kind}, {dayAndMinute(near.one.time)}
          </span>
          {near.one.about && <span>{near.one.about}</span>}
        </div>
      )}
      {noted.length > 0 && <span class="unseen">{`Marked: ${noted.map(({ title, time }) => `${title}, ${dayAndMinute(time)}`).join("; ")}`}</span>}
    </div>
  );
}

/** Each line's values on top of those of the lines before it; a gap adds nothing. */
function heaped(lines: Line[]): (number | null)[][] {
  const sums: number[] = [];
  return lines.map(({ values }) => values.map((value, i) => (sums[i] = (sums[i] ?? 0) + (value ?? 0))));
}

const faded = (colour: string) => `${colour}55`;

/** Which band of a stacked chart the cursor is in. */
function within(plot: uPlot, index: number): number {
  const wanted = plot.posToVal(plot.cursor.top ?? 0, "y");
  const at = plot.data.slice(1).findIndex((values) => (values[index] ?? 0) >= wanted);
  return at < 0 ? plot.data.length - 2 : at;
}

/** Pixels from a mark within which the cursor reads it. */
const NEAR = 7;

function nearMark(plot: uPlot, noted: Annotation[]): { one: Annotation; left: number } | null {
  const { left = -1 } = plot.cursor;
  if (left < 0) return null;
  const away = noted.map((one) => ({ one, left: plot.valToPos(one.time, "x") })).filter((mark) => Math.abs(mark.left - left) < NEAR);
  const [first] = away.sort((a, b) => Math.abs(a.left - left) - Math.abs(b.left - left));
  return first ? { ...first, left: first.left + plot.bbox.left / devicePixelRatio } : null;
}

/** What happened when, as uprights with their names, the newest ones' where there is no room for all. */
export function note(plot: uPlot, noted: Annotation[]) {
  const marks = new Marks(plot);
  const { min = 0, max = 0 } = plot.scales.x!;
  let last = Infinity;
  for (const { time, title, kind } of [...noted].sort((a, b) => b.time - a.time)) {
    if (time < min! || time > max!) continue;
    last = marks.upright(time, title, token(kind === "incident" ? "--crit" : "--ink-2"), last);
  }
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
