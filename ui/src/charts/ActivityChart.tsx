import { useRef, useState } from "preact/hooks";
import type uPlot from "uplot";
import { compact, count, minuteOfDay } from "../format";
import { token } from "../theme";
import { ActivityTip } from "./ActivityTip";
import { activityRange, CLOSED, PANE, type ActivitySeries } from "./activitySeries";
import { axis } from "./axis";
import { Marks } from "./marks";
import { Plot, type PlotOptions } from "./Plot";

type Reading = { index: number; left: number; width: number };

const steps: Record<string, number> = { ArrowLeft: -1, ArrowRight: 1, PageDown: 6, PageUp: -6, Home: -1e9, End: 1e9 };
/** Seconds between labels: they say the minute, so none may come twice. */
const WHOLE_MINUTES = [1, 2, 5, 10, 15, 20, 30, 60].map((minutes) => minutes * 60);

/** What a time at the right end needs beyond it, in pixels. */
const HALF_A_LABEL = 18;

/** Events per pane over time, with the expected band and the anomalies. Arrow keys move from value to value. */
export function ActivityChart({ series, minutes }: { series: ActivitySeries; minutes: number }) {
  const plot = useRef<uPlot | null>(null);
  const latest = useRef(series);
  latest.current = series;
  const [reading, setReading] = useState<Reading | null>(null);
  const pane = reading ? series.panes[reading.index] : undefined;

  function step(event: KeyboardEvent) {
    const chart = plot.current;
    const by = steps[event.key];
    if (!chart || by === undefined) return;
    event.preventDefault();
    const last = series.starts.length - 1;
    const index = Math.max(0, Math.min(last, (chart.cursor.idx ?? last + 1) + by));
    chart.setCursor({ left: chart.valToPos(series.starts[index]!, "x"), top: 20 });
  }

  return (
    <div
      class="plot"
      tabIndex={0}
      role="application"
      aria-roledescription="interactive line chart"
      aria-label={summary(series, minutes)}
      onKeyDown={step}
      onBlur={() => plot.current?.setCursor({ left: -10, top: -10 })}
    >
      <Plot
        options={() => options(latest, setReading)}
        data={series.data}
        onMade={(made) => (plot.current = made)}
      />
      {reading && pane && (
        <ActivityTip
          start={series.starts[reading.index]!}
          pane={pane}
          left={reading.left}
          width={reading.width}
        />
      )}
    </div>
  );
}

function summary({ panes }: ActivitySeries, minutes: number): string {
  const closed = panes.filter((pane) => pane && !pane.open);
  const anomalies = closed.filter((pane) => pane?.anom).length;
  const newest = closed.at(-1)?.y;
  return [
    `Events per ${PANE} seconds, last ${minutes} minutes.`,
    newest === undefined ? "" : `Latest ${count(newest)}.`,
    `${anomalies} ${anomalies === 1 ? "anomaly" : "anomalies"}.`,
    "Use the arrow keys to read values.",
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
        values: (_, splits) => splits.map(minuteOfDay),
      }),
      axis({ size: 48, space: 42, values: (_, splits) => splits.map((v) => (Number.isInteger(v) ? compact(v) : "")) }),
    ],
    series: [
      {},
      unseen,
      unseen,
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
