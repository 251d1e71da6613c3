import { Meter } from "../charts/Meter";
import { roundUp } from "../charts/axis";
import { dayAndMinute, duration, secondOfDay } from "../format";
import { askMetric, POINTS, trend, whole } from "../ask/metrics";
import { useOverRange } from "../ask/useOverRange";
import type { SystemHealth as Health } from "../live/data";
import { DataTable } from "../panel/DataTable";
import { Empty } from "../panel/Empty";
import { Panel } from "../panel/Panel";
import { followsLive, range, type Range } from "../range";
import { href } from "../router";
import type { Kind, Props } from "./kind";

/** One sample a second is due; this long without is stale. */
const RESTLESS = 15;
/** Rows of the table view, newest first. */
const TABLE_ROWS = 120;

type Gauge = {
  name: string;
  /** The metric that its drill-down leads to. */
  metric: string;
  colour: string;
  unit: string;
  values: (number | null)[];
  top: number;
  digits: number;
  threshold?: { at: number; text: string };
};

const metrics = { cpu: "cpu.percent", mem: "memory.percent", disk: "disk.percent", net: "network.bytes_per_s" } as const;

const percent = (name: string, metric: string, colour: string, values: (number | null)[], limit: number): Gauge => ({
  name,
  metric,
  colour,
  values,
  unit: "%",
  top: 100,
  digits: 0,
  threshold: { at: limit, text: String(limit) },
});

/** Network traffic in the unit that suits its greatest value. */
function network(kilobytes: (number | null)[]): Gauge {
  const most = Math.max(1, ...kilobytes.map((value) => value ?? 0));
  const [unit, size]: [string, number] = most >= 1e6 ? ["GB/s", 1e6] : most >= 1e3 ? ["MB/s", 1e3] : ["kB/s", 1];
  const values = kilobytes.map((value) => value && value / size);
  return {
    name: "Network",
    metric: metrics.net,
    colour: "--c2",
    unit: unit,
    values,
    top: roundUp(most / size),
    digits: size === 1 ? 0 : 1,
  };
}

const gauges = (health: Health): Gauge[] => [
  percent("CPU", metrics.cpu, "--c1", health.cpu, 85),
  percent("Memory", metrics.mem, "--c3", health.mem, 85),
  percent("Disk", metrics.disk, "--c4", health.disk, 90),
  network(health.net),
];

/** Over a range: the mean of each bucket. One that has no sample takes the value before it, as a gauge does. */
async function ask(chosen: Range): Promise<Health> {
  const names = Object.entries(metrics) as [keyof typeof metrics, string][];
  const answers = await Promise.all(names.map(([, metric]) => askMetric(metric, chosen, "none")));
  const first = answers[0]!;
  const columns = answers.map(({ series }) => held(trend(whole(series).now, "mean", POINTS)));
  const [cpu, mem, disk, net] = columns;
  const known = columns.some((column) => column.some((value) => value !== null));
  const t = Array.from({ length: known ? POINTS : 0 }, (_, i) => first.from + i * first.bucket);
  return { t, cpu: cpu!, mem: mem!, disk: disk!, net: net!.map((bytes) => bytes && bytes / 1_000) };
}

function held(values: (number | null)[]): (number | null)[] {
  let last: number | null = null;
  return values.map((value) => (last = value ?? last));
}

/** This machine, second by second; over a longer range, its means. */
export function SystemHealth({ title }: Props) {
  const live = followsLive.value;
  const topic = useOverRange("system_health", ask);
  return (
    <Panel
      title={title}
      topic={topic}
      shape="quarters"
      restless={live ? RESTLESS : undefined}
      note={live ? span(topic.data.value) : `mean, ${range.value.label}`}
      isEmpty={(health) => health.t.length === 0}
      empty={
        <Empty title="No samples yet">
          <span>
            {live
              ? "The host is sampled every second; the first should be here in a moment."
              : range.value.span
                ? "This machine's gauges are sampled every second, and shown over a range within a minute."
                : "None in the range of the top bar: this machine's gauges were not sampled then."}
          </span>
        </Empty>
      }
      table={(health) => <HealthTable health={health} />}
    >
      {(health) => (
        <div class="gauges">
          {gauges(health).map((gauge) => (
            <GaugeView key={gauge.name} gauge={gauge} times={health.t} />
          ))}
        </div>
      )}
    </Panel>
  );
}

function span(health: Health | null): string {
  if (!health || health.t.length < 2) return "";
  return `last ${duration(health.t.at(-1)! - health.t[0]! + 1)}`;
}

const written = ({ values, digits }: Gauge, i: number) => values[i]?.toFixed(digits) ?? "–";

function GaugeView({ gauge, times }: { gauge: Gauge; times: number[] }) {
  const value = written(gauge, gauge.values.length - 1);
  return (
    <a class="health-gauge" href={href(["metrics", gauge.metric], { aggregate: "mean" })} title={`${gauge.metric}, over time`}>
      <div class="gauge-title">
        <span>{gauge.name}</span>
        <b>
          {value}
          <small>{gauge.unit}</small>
        </b>
      </div>
      <Meter
        times={times}
        values={gauge.values}
        colour={gauge.colour}
        top={gauge.top}
        threshold={gauge.threshold}
        label={`${gauge.name}, now ${value} ${gauge.unit}`}
      />
    </a>
  );
}

function HealthTable({ health }: { health: Health }) {
  const figures = gauges(health);
  const rows = health.t.map((t, i) => ({ t, i })).slice(-TABLE_ROWS);
  return (
    <DataTable
      label="System health over time"
      rows={rows.reverse()}
      rowKey={(row) => row.t}
      columns={[
        { title: "At", cell: (row) => (followsLive.value ? secondOfDay : dayAndMinute)(row.t) },
        ...figures.map((gauge) => ({
          title: `${gauge.name}, ${gauge.unit}`,
          numeric: true,
          cell: (row: { i: number }) => written(gauge, row.i),
        })),
      ]}
    />
  );
}

export const healthKind: Kind = {
  type: "system_health",
  title: () => "System health",
  reads: "system_health",
  place: { w: 4, height: 302 },
  component: SystemHealth,
};
