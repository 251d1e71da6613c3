import type { ComponentChildren } from "preact";
import { POINTS, total, whole } from "../ask/metrics";
import type { WidgetOptions } from "../definitions";
import { Empty } from "../panel/Empty";
import { NoSamples } from "../panel/NoSamples";
import { Panel } from "../panel/Panel";
import { useRange } from "./context";
import type { Kind, Props } from "./kind";
import { written } from "./Metric";
import { useSource } from "./source";
import { named } from "./Table";
import { fieldAt, fieldsThere, isNumber } from "./topicRows";
import { useMetric } from "./useMetric";
import { write } from "./writing";

type Level = "good" | "warn" | "crit";
const WORDS: Record<Level, string> = { good: "● within bounds", warn: "▲ worth a look", crit: "■ somebody has to act" };

/** One figure on a scale, with the bounds from which on it is worth a look, or somebody has to act. */
function Gauge(props: Props) {
  return props.widget.metric ? <OfMetric {...props} metric={props.widget.metric} /> : <OfSource {...props} />;
}

function OfMetric({ widget, title, metric }: Props & { metric: string }) {
  const { options = {} } = widget;
  const { answer, aggregate, unit, range } = useMetric(widget, metric, POINTS);
  return (
    <Panel title={title} topic={answer} shape="quarters" note={`${aggregate}, ${range.label}`} isEmpty={({ series }) => series.length === 0} empty={<NoSamples metric={metric} />}>
      {({ series }) => {
        const first = unit === "money" ? series[0]! : whole(series);
        const value = total(first.now, aggregate);
        return <Dial title={title} value={value} text={written(value, unit, first.key)} options={options} write={(bound) => written(bound, unit, first.key)} />;
      }}
    </Panel>
  );
}

function OfSource({ widget, title }: Props) {
  const { view, options } = useSource(widget);
  const range = useRange();
  const { value: way = "", format, unit } = options;
  const at = (data: unknown) => {
    const found = fieldAt(data, way);
    return Array.isArray(found) ? (found as unknown[]).filter(isNumber).at(-1) : found;
  };
  return (
    <Panel
      title={title}
      topic={view}
      shape="quarters"
      note={widget.topic === undefined ? range.label : undefined}
      isEmpty={(data) => !isNumber(at(data))}
      empty={
        <Empty title="No figure yet">
          <span>{view.data.value === null ? "" : `There is no number at “${way}”; there are ${fieldsThere(view.data.value)}.`}</span>
        </Empty>
      }
    >
      {(data) => {
        const value = at(data) as number;
        return <Dial title={title} value={value} text={write(value, format, unit)} options={options} write={(bound) => write(bound, format, unit)} />;
      }}
    </Panel>
  );
}

/** Where a value stands: worse than a bound is above it where less is better, else below it. */
export function levelOf(value: number, { warn, crit, better = "lower" }: WidgetOptions): Level {
  const beyond = (bound: number | undefined) => bound !== undefined && (better === "lower" ? value >= bound : value <= bound);
  return beyond(crit) ? "crit" : beyond(warn) ? "warn" : "good";
}

/** A round end of a scale that holds the value and the bounds. */
export function endOf(value: number, { min = 0, max, warn, crit }: WidgetOptions): number {
  if (max !== undefined) return max;
  const most = Math.max(...[value, warn, crit].filter(isNumber), min);
  if (most <= min) return min + 1;
  const step = 10 ** Math.floor(Math.log10(most - min));
  return min + Math.ceil(((most - min) * 1.1) / step) * step;
}

const [RADIUS, WIDTH] = [80, 16];

/** The point of the half circle at a share from its left to its right. */
function point(share: number): string {
  const angle = Math.PI * (1 - share);
  return `${(100 + RADIUS * Math.cos(angle)).toFixed(2)} ${(96 - RADIUS * Math.sin(angle)).toFixed(2)}`;
}

const arc = (from: number, to: number) => `M ${point(from)} A ${RADIUS} ${RADIUS} 0 0 1 ${point(to)}`;

type DialProps = { title: string; value: number | null; text: string; options: WidgetOptions; write: (bound: number) => ComponentChildren };

function Dial({ title, value, text, options, write }: DialProps) {
  const [low, high] = [options.min ?? 0, endOf(value ?? 0, options)];
  const share = (at: number) => Math.min(1, Math.max(0, (at - low) / (high - low)));
  const judged = options.warn !== undefined || options.crit !== undefined;
  const level = value === null ? "good" : levelOf(value, options);
  const bounds = ([["warn", options.warn], ["crit", options.crit]] as const).filter((each): each is ["warn" | "crit", number] => each[1] !== undefined);
  return (
    <div class="gauge" data-level={judged ? level : undefined}>
      <svg viewBox="0 0 200 108" role="img" aria-label={`${title}: ${text}${judged ? `, ${WORDS[level].slice(2)}` : ""}`}>
        <path class="scale" d={arc(0, 1)} stroke-width={WIDTH} />
        {value !== null && share(value) > 0 && <path class="filled" d={arc(0, share(value))} stroke-width={WIDTH} />}
        {bounds.map(([name, at]) => (
          <line key={name} class={name} x1={100 + 68 * Math.cos(Math.PI * (1 - share(at)))} y1={96 - 68 * Math.sin(Math.PI * (1 - share(at)))} x2={100 + 92 * Math.cos(Math.PI * (1 - share(at)))} y2={96 - 92 * Math.sin(Math.PI * (1 - share(at)))} />
        ))}
        <text x="100" y="92" text-anchor="middle" style={{ "--size": `${Math.min(30, 190 / Math.max(6, text.length))}px` }}>
          {text}
        </text>
      </svg>
      <span class="gauge-ends">
        <span>{write(low)}</span>
        {judged && <span class="gauge-says">{WORDS[level]}</span>}
        <span>{write(high)}</span>
      </span>
    </div>
  );
}

export const gaugeKind: Kind = { type: "gauge", title: named, reads: null, place: { w: 3, height: 220 }, component: Gauge };
