import { Meter } from "../charts/Meter";
import { roundUp } from "../charts/axis";
import { duration, secondOfDay } from "../format";
import { useTopic } from "../live";
import type { SystemHealth as Health } from "../live/data";
import { DataTable } from "../panel/DataTable";
import { Empty } from "../panel/Empty";
import { Panel } from "../panel/Panel";
import type { Kind, Props } from "./kind";

/** One sample a second is due; this long without is stale. */
const RESTLESS = 15;
/** Rows of the table view, newest first. */
const TABLE_ROWS = 120;

type Gauge = {
  name: string;
  colour: string;
  unit: string;
  values: number[];
  top: number;
  digits: number;
  threshold?: { at: number; text: string };
};

const percent = (name: string, colour: string, values: number[], limit: number): Gauge => ({
  name,
  colour,
  values,
  unit: "%",
  top: 100,
  digits: 0,
  threshold: { at: limit, text: String(limit) },
});

/** Network traffic in the unit that suits its greatest value. */
function network(kilobytes: number[]): Gauge {
  const most = Math.max(1, ...kilobytes);
  const [unit, size]: [string, number] = most >= 1e6 ? ["GB/s", 1e6] : most >= 1e3 ? ["MB/s", 1e3] : ["kB/s", 1];
  const values = kilobytes.map((value) => value / size);
  return {
    name: "Network",
    colour: "--c2",
    unit: unit,
    values,
    top: roundUp(most / size),
    digits: size === 1 ? 0 : 1,
  };
}

const gauges = (health: Health): Gauge[] => [
  percent("CPU", "--c1", health.cpu, 85),
  percent("Memory", "--c3", health.mem, 85),
  percent("Disk", "--c4", health.disk, 90),
  network(health.net),
];

/** This machine, second by second. */
export function SystemHealth({ title }: Props) {
  const topic = useTopic("system_health");
  return (
    <Panel
      title={title}
      topic={topic}
      shape="quarters"
      restless={RESTLESS}
      note={span(topic.data.value)}
      isEmpty={(health) => health.t.length === 0}
      empty={
        <Empty title="No samples yet">
          <span>The host is sampled every second; the first should be here in a moment.</span>
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

function GaugeView({ gauge, times }: { gauge: Gauge; times: number[] }) {
  const value = (gauge.values.at(-1) ?? 0).toFixed(gauge.digits);
  return (
    <div class="gauge">
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
    </div>
  );
}

function HealthTable({ health }: { health: Health }) {
  const figures = gauges(health);
  const rows = health.t.map((t, i) => ({ t, i })).slice(-TABLE_ROWS);
  return (
    <DataTable
      label="System health, second by second"
      rows={rows.reverse()}
      rowKey={(row) => row.t}
      columns={[
        { title: "At", cell: (row) => secondOfDay(row.t) },
        ...figures.map((gauge) => ({
          title: `${gauge.name}, ${gauge.unit}`,
          numeric: true,
          cell: (row: { i: number }) => (gauge.values[row.i] ?? 0).toFixed(gauge.digits),
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
  range: "own",
  component: SystemHealth,
};
