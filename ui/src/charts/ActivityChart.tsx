import { useRef, useState } from "preact/hooks";
import type uPlot from "uplot";
import { compact, count, dayOf, duration, minuteOfDay } from "../format";
import { token } from "../theme";
import { ActivityTip } from "./ActivityTip";
import { activityRange, CLOSED, type ActivitySeries } from "./activitySeries";
import { axis } from "./axis";
import { Marks } from "./marks";
import { Plot, type PlotOptions } from "./Plot";
import { stepped, unread } from "./stepping";

type Reading = { index: number; left: number; width: number };

/** Seconds between labels: they say the minute, so none may come twice. */
const WHOLE_MINUTES = [1, 2, 5, 10, 15, 20, 30, 60, 120, 180, 360, 720, 1_440, 2_880, 7_200, 14_400].map((m) => m * 60);
const DAYS = 2.5 * 86_400;

/** What a time at the right end needs beyond it, in pixels. */
const HALF_A_LABEL = 18;

type Props = {
  series: ActivitySeries;
  /** The span that is shown, in words. */
  span: string;
  /** What the dashed line is, in words. */
  comparison: string;
  /** Says where the value of the pane that begins then comes from. */
  open: (start: number, value: number) => void;
};

/** Events per pane over time, with the expected band and the anomalies. Arrow keys move from value to value, Enter opens one. */
export function ActivityChart({ series, span, comparison, open }: Props) {
  const plot = useRef<uPlot | null>(null);
  const latest = useRef(series);
  latest.current = series;
  const [reading, setReading] = useState<Reading | null>(null);
  const pane = reading ? series.panes[reading.index] : undefined;

  function step(event: KeyboardEvent) {
    if (event.key === "Enter" && reading) {
      event.preventDefault();
      openRead();
    } else if (stepped(plot.current, event.key)) event.preventDefault();
  }

  function openRead() {
    const start = reading && series.starts[reading.index];
    if (start != null && pane) open(start, pane.y);
  }

  return (
    <div
      class="plot opens"
      tabIndex={0}
      role="application"
      aria-roledescription="interactive line chart"
      aria-label={summary(series, span)}
      onKeyDown={step}
      onClick={openRead}
      onBlur={() => unread(plot.current)}
    >
      <Plot
        options={() => options(latest, setReading)}
        data={series.data}
        remake={String(isLong(series))}
        onMade={(made) => (plot.current = made)}
      />
      {reading && pane && (
        <ActivityTip
          start={series.starts[reading.index]!}
          length={series.pane}
          pane={pane}
          before={series.before[reading.index] ?? null}
          comparison={comparison}
          left={reading.left}
          width={reading.width}
        />
      )}
    </div>
  );
}

const isLong = ({ starts }: ActivitySeries) => starts.at(-1)! - starts[0]! > DAYS;

function summary({ panes, pane: length }: ActivitySeries, span: string): string {
  const closed = panes.filter((pane) => pane && !pane.open);
  const anomalies = closed.filter((pane) => pane?.anom).length;
  const newest = closed.at(-1)?.y;
  return [
    `Events per ${duration(length)}, ${span}.`,
    newest === undefined ? "" : `Latest ${count(newest)}.`,
    `${anomalies} ${anomalies === 1 ? "anomaly" : "anomalies"}.`,
    "Use the arrow keys to read values, and Enter to see where one comes from.",
  ].join(" ");
}

function options(latest: { current: ActivitySeries }, read: (reading: Reading | null) => void): PlotOptions {
  const line = token("--c1");
  const unseen: uPlot.Series = { stroke: "transparent", width: 0, points: { show: false } };
  return {
    padding: [12, HALF_A_LABEL, 0, 0],
    legend: { show: false },
    cursor: {
      y: false,
      drag: { x: false, y: false },
      points: {
        size: 9,
        width: 2,
        stroke: (_, i) => (i < CLOSED ? "transparent" : token("--panel")),
        fill: (_, i) => (i < CLOSED ? "transparent" : line),
      },
    },
    scales: { x: { time: true }, y: { range: () => activityRange(latest.current) } },
    axes: [
      axis({
        grid: { show: false },
        size: 28,
        space: 74,
        incrs: WHOLE_MINUTES,
        values: (_, splits) => splits.map(isLong(latest.current) ? dayOf : minuteOfDay),
      }),
      axis({ size: 48, space: 42, values: (_, splits) => splits.map((v) => (Number.isInteger(v) ? compact(v) : "")) }),
    ],
    series: [
      {},
      unseen,
      unseen,
      { stroke: token("--ink-3"), width: 1.4, dash: [5, 4], points: { show: false } },
      { stroke: line, width: 2, points: { show: false } },
    ],
    bands: [{ series: [2, 1], fill: token("--band") }],
    hooks: {
      draw: [(u) => mark(u, latest.current, line)],
      setCursor: [
        (u) => {
          const index = u.cursor.idx;
          const left = u.cursor.left ?? -1;
          if (index == null || left < 0) return read(null);
          read({ index, left: left + u.bbox.left / devicePixelRatio, width: u.width });
        },
      ],
    },
  };
}

function mark(plot: uPlot, { starts, panes }: ActivitySeries, line: string) {
  const marks = new Marks(plot);
  const newest = panes.map((pane) => pane !== undefined && !pane.open).lastIndexOf(true);
  panes.forEach((pane, i) => {
    if (!pane) return;
    const t = starts[i]!;
    if (pane.open) return marks.ring(t, pane.y, line);
    const alone = (!panes[i - 1] || panes[i - 1]!.open) && (!panes[i + 1] || panes[i + 1]!.open);
    if (alone) marks.dot(t, pane.y, line, 3);
    if (!pane.anom) return i === newest && marks.dot(t, pane.y, line);
    if (pane.exp !== null) marks.stem(t, pane.exp, pane.y);
    marks.diamond(t, pane.y, token("--crit"));
  });
}
