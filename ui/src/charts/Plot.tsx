import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { utc } from "../range";
import { appearance } from "../theme";
import { onNextFrame } from "./frame";

export type PlotOptions = Omit<uPlot.Options, "width" | "height">;

type Props = {
  /** Called when the chart is made: at first, when the theme changes, and when `remake` changes. */
  options: () => PlotOptions;
  data: uPlot.AlignedData;
  remake?: string;
  onMade?: (plot: uPlot) => void;
};

/** What the drawing may take: the box, less the legend below it. */
function room(element: HTMLElement, plot?: uPlot) {
  const legend = plot?.root.querySelector<HTMLElement>(".u-legend")?.offsetHeight ?? 0;
  return { width: element.clientWidth, height: Math.max(60, element.clientHeight - legend) };
}

/** Times of the axis in the zone that is chosen. */
const zone = () => (utc.peek() ? { tzDate: (seconds: number) => uPlot.tzDate(new Date(seconds * 1_000), "Etc/UTC") } : {});

/** A uPlot that fills its parent and draws only while on screen. */
export function Plot({ options, data, remake, onMade }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef(data);
  const onScreen = useRef(true);
  latest.current = data;

  // One identity for the component's life, so that draws of one frame fall together.
  const draw = useRef(() => {
    if (onScreen.current) plot.current?.setData(latest.current);
  }).current;

  useEffect(() => {
    const element = box.current!;
    const made = new uPlot(
      { ...zone(), ...options(), ...room(element) },
      latest.current,
      element,
    );
    plot.current = made;
    made.setSize(room(element, made));
    onMade?.(made);
    return () => {
      plot.current = null;
      made.destroy();
    };
  }, [appearance.value, remake, utc.value]);

  useEffect(() => onNextFrame(draw), [data]);

  useEffect(() => {
    const element = box.current!;
    const size = new ResizeObserver(() => onNextFrame(() => plot.current?.setSize(room(element, plot.current))));
    const sight = new IntersectionObserver(([entry]) => {
      onScreen.current = entry!.isIntersecting;
      if (onScreen.current) onNextFrame(draw);
    });
    size.observe(element);
    sight.observe(element);
    return () => {
      size.disconnect();
      sight.disconnect();
    };
  }, []);

  return <div ref={box} class="plot-box" />;
}
