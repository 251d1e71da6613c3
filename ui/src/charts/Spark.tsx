import { useId } from "preact/hooks";

const WIDTH = 200;
const HEIGHT = 40;
const PAD = 3;

/** A trend without axes, its last value dotted. */
export function Spark({ values, label }: { values: number[]; label: string }) {
  const shade = useId();
  const points = values.length === 1 ? [values[0]!, values[0]!] : values;
  // Nothing at all is no trend.
  if (points.every((value) => value === 0)) return <svg class="spark" role="img" aria-label={label} />;

  const low = Math.min(...points);
  const high = Math.max(...points);
  const x = (i: number) => 1 + (i / (points.length - 1)) * (WIDTH - 2 * PAD);
  const y = (value: number) => HEIGHT - PAD - (HEIGHT - 2 * PAD) * (high > low ? (value - low) / (high - low) : 0.5);
  const line = points.map((value, i) => `${i ? "L" : "M"}${x(i).toFixed(1)},${y(value).toFixed(1)}`).join("");
  const end = x(points.length - 1);
  const last = y(points.at(-1)!);

  return (
    <svg class="spark" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={label}>
      <linearGradient id={shade} x1="0" y1="0" x2="0" y2="1">
        <stop offset="0" class="shade-top" />
        <stop offset="1" class="shade-foot" />
      </linearGradient>
      <path class="area" d={`${line}L${end},${HEIGHT}L1,${HEIGHT}Z`} fill={`url(#${shade})`} />
      <path class="line" d={line} vector-effect="non-scaling-stroke" />
      <line class="end" x1={end} x2={end} y1={last} y2={last} vector-effect="non-scaling-stroke" />
    </svg>
  );
}
