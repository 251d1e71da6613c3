import { useMemo, useRef } from "preact/hooks";
import type uPlot from "uplot";
import { token } from "../theme";
import { axis } from "./axis";
import { Marks } from "./marks";
import { Plot, type PlotOptions } from "./Plot";

type Props = {
  times: number[];
  values: (number | null)[];
  /** Colour token, such as "--c1". */
  colour: string;
  /** The top of the axis, which starts at zero. */
  top: number;
  threshold?: { at: number; text: string };
  label: string;
};

/** A small live area chart on a fixed scale. */
export function Meter(props: Props) {
  const latest = useRef(props);
  latest.current = props;
  const data = useMemo<uPlot.AlignedData>(() => [props.times, props.values], [props.times]);
  return (
    <div class="plot" role="img" aria-label={props.label}>
      <Plot options={() => options(latest)} data={data} />
    </div>
  );
}

function options(latest: { current: Props }): PlotOptions {
  const line = token(latest.current.colour);
  return {
    padding: [8, 4, 8, 0],
    legend: { show: false },
    cursor: { show: false },
    scales: { x: { time: true }, y: { range: () => [0, latest.current.top] } },
    axes: [
      { show: false },
      axis({
        size: 30,
        gap: 4,
        splits: () => [0, latest.current.top / 2, latest.current.top],
        values: (_, [low, , high]) => [String(low), "", String(high)],
      }),
    ],
    series: [
      {},
      {
        stroke: line,
        width: 1.5,
        // A value without a neighbour is no line.
        points: { show: () => latest.current.values.filter((value) => value !== null).length === 1, size: 5, fill: line },
        fill: (u) => {
          const shade = u.ctx.createLinearGradient(0, u.bbox.top, 0, u.bbox.top + u.bbox.height);
          shade.addColorStop(0, `${line}38`);
          shade.addColorStop(1, `${line}05`);
          return shade;
        },
      },
    ],
    hooks: {
      draw: [
        (u) => {
          const { threshold } = latest.current;
          if (threshold) new Marks(u).threshold(threshold.at, threshold.text, token("--warn"));
        },
      ],
    },
  };
}
