import { useAnswer } from "../ask/useAnswer";
import { get } from "../ask/request";
import { Spark } from "../charts/Spark";
import { count, dayAndMinute, duration, figure, withUnit } from "../format";
import type { View } from "../live/topic";
import { DataTable, type Column } from "../panel/DataTable";
import { Empty } from "../panel/Empty";
import { Panel } from "../panel/Panel";
import { moment } from "../moment";
import { address, go, href, hrefHere } from "../router";
import { Icon } from "../shell/Icon";
import { Choice } from "../widgets/Choice";
import { Tile, type Figure } from "../widgets/Tile";
import "../style/business.css";

type Performance = {
  response_time: { p50: number | null; p95: number | null; p99: number | null; n: number };
  throughput: number | null;
  error_rate: number | null;
  availability: { value: number | null; objective: number; burn_rate: number | null; burn_rates?: Record<string, number | null> };
  requests: number;
  failed: number;
};
type Found = { service: string; fingerprint: string; message: string; count: number; before: number; trend: string; spark: number[]; last: number | null };
type Cell = { cell: string; host: string; state: string; detail: string; rows_behind: number; commit: number; stale: string };
type Node = { node: string; address: string; alive: boolean; cpus: number; object_store_bytes: number; memory_bytes: number };
type Open = { id: string; title: string; state: string; severity: string; detail: string; t: number };
type Operational = {
  system_health: { cpu_usage: number | null; memory_usage: number | null; disk_usage: number | null; network_latency: number | null; uptime: number | null; probes: Record<string, number | null> };
  performance: Performance;
  errors: { total_errors: number; error_rate: number | null; top_errors: Found[]; error_trends: { now: number; before: number; direction: string; spark: number[] } };
  alerts: Open[];
  services: { name: string; performance: Performance }[];
  hindcast: { cells: Cell[]; nodes: Node[]; actors: number; rows_behind: number; not_running: string[] };
};

const WINDOWS = ["15m", "1h", "6h"] as const;
type Window = (typeof WINDOWS)[number];
const EVERY = 10_000;

const percentOf = (value: number | null) => (value === null ? "–" : withUnit(value.toFixed(1), "%"));
const share = (value: number | null, digits = 2) => (value === null ? "–" : withUnit((value * 100).toFixed(digits), "%"));
const ms = (value: number | null) => (value === null ? "–" : withUnit(value < 10 ? value.toFixed(2) : count(value), "ms"));
const empty = (text: string) => <span class="versus wrap">{text}</span>;

/** How the system does, for who is on call: this machine, requests and their errors, alerts, cells, and your own services. */
export function OperationsPage() {
  const wanted = address.value.params.get("window");
  const window = WINDOWS.includes(wanted as Window) ? (wanted as Window) : "1h";
  const now = useAnswer(`operational ${window}`, () => get<Operational>("/v1/operational", { window }), EVERY);
  return (
    <>
      <div class="explore-head business-head">
        <Choice label="Window" choices={WINDOWS} chosen={window} text={(each) => `last ${each}`} choose={(each) => go(hrefHere({ window: each }))} />
        {moment.value !== null && (
          <span class="covered">
            <Icon name="clock" /> This page is of now, whatever moment the others show.
          </span>
        )}
      </div>
      <Tiles now={now} />
      <div class="business-panels">
        <Errors now={now} window={window} />
        <Alerts now={now} />
        <Services now={now} />
        <Cells now={now} />
      </div>
    </>
  );
}

function Tiles({ now }: { now: View<Operational> }) {
  const tile = (title: string, figure: (found: Operational) => Figure, link = href(["dashboards", "system"]), says = "The gauges over time") => (
    <Tile key={title} title={title} topic={now} figure={figure} behind={() => ({ link, says })} />
  );
  const log = href(["streams", "system_logs"]);
  return (
    <div class="kpis">
      {tile("Availability", ({ performance: { availability } }) => ({
        value: share(availability.value, 3),
        below: availability.burn_rate === null ? empty("no request yet") : empty(`burn rate ${figure(availability.burn_rate)}, objective ${share(availability.objective, 1)}`),
      }))}
      {tile("Response time, p95", ({ performance: { response_time: time } }) => ({
        value: ms(time.p95),
        below: empty(`p50 ${ms(time.p50)}, p99 ${ms(time.p99)}`),
      }))}
      {tile("Requests a second", ({ performance }) => ({
        value: performance.throughput === null ? "–" : figure(Number(performance.throughput.toPrecision(3))),
        below: empty(`${count(performance.requests)} in all`),
      }))}
      {tile(
        "Errors",
        ({ errors }) => ({
          value: count(errors.total_errors),
          below: empty(`${share(errors.error_rate)} of requests; ${count(errors.error_trends.before)} before`),
          trend: errors.error_trends.spark,
        }),
        log,
        "The lines of the logs",
      )}
      {tile("CPU", ({ system_health }) => ({ value: percentOf(system_health.cpu_usage), below: empty("the busiest machine") }))}
      {tile("Memory", ({ system_health }) => ({ value: percentOf(system_health.memory_usage), below: empty("the fullest machine") }))}
      {tile("Disk", ({ system_health }) => ({ value: percentOf(system_health.disk_usage), below: empty("the fullest machine") }))}
      {tile("Network round trip", ({ system_health: { network_latency, probes, uptime } }) => ({
        value: ms(network_latency),
        below: empty(`${count(Object.keys(probes).length)} probed; up for ${uptime === null ? "–" : duration(uptime)}`),
      }))}
    </div>
  );
}

const trends: Record<string, string> = { new: "new", up: "↑ more", down: "↓ fewer", flat: "→ as before" };

const errorColumns: Column<Found>[] = [
  {
    title: "Error",
    wide: true,
    cell: ({ message, service }) => (
      <span title={message}>
        <b>{message || "without a message"}</b>
        <small>{service}</small>
      </span>
    ),
  },
  { title: "Count", numeric: true, cell: (row) => count(row.count) },
  { title: "Before", numeric: true, roomy: true, cell: (row) => count(row.before) },
  { title: "Trend", cell: ({ trend }) => trends[trend] ?? trend },
  { title: "Over time", roomy: true, cell: ({ spark, message }) => <Spark values={spark} label={`${message}: trend`} /> },
];

function Errors({ now, window }: { now: View<Operational>; window: string }) {
  return (
    <Panel
      title="Errors, by what they are"
      topic={now}
      shape="rows"
      note={`last ${window}, against the ${window} before`}
      isEmpty={({ errors }) => errors.top_errors.length === 0}
      empty={
        <Empty title="No errors">
          <span>No request of this system failed, and no log that comes in has a line of severity error or critical.</span>
        </Empty>
      }
    >
      {({ errors }) => <DataTable label="Kinds of errors" columns={errorColumns} rows={errors.top_errors} rowKey={({ service, fingerprint }) => `${service} ${fingerprint}`} />}
    </Panel>
  );
}

function Alerts({ now }: { now: View<Operational> }) {
  return (
    <Panel
      title="Alerts"
      topic={now}
      shape="rows"
      isEmpty={({ alerts }) => alerts.length === 0}
      empty={
        <Empty title="Nothing fires">
          <a class="button" href={href(["alerts"])}>
            Rules and history
          </a>
        </Empty>
      }
    >
      {({ alerts }) => (
        <DataTable
          label="Open alerts"
          columns={[
            { title: "Alert", wide: true, cell: ({ id, title, detail }) => (
              <a class="cell-link" href={href(["alerts", id])}>
                <b>{title}</b>
                <small>{detail}</small>
              </a>
            ) },
            { title: "State", cell: ({ state, severity }) => `${state}, ${severity}` },
            { title: "Since", numeric: true, roomy: true, cell: ({ t }) => dayAndMinute(t) },
          ]}
          rows={alerts}
          rowKey={({ id }) => id}
        />
      )}
    </Panel>
  );
}

function Services({ now }: { now: View<Operational> }) {
  return (
    <Panel
      title="Your services"
      topic={now}
      shape="rows"
      note="by the measurements that they send"
      isEmpty={({ services }) => services.length === 0}
      empty={
        <Empty title="No service sends its measurements yet">
          <span>Read a program's /metrics, or send OpenTelemetry: requests, times and errors appear here by themselves.</span>
          <a class="button" href={href(["sources"])}>
            Add a source
          </a>
        </Empty>
      }
    >
      {({ services }) => (
        <DataTable
          label="Services and their requests"
          columns={[
            { title: "Service", cell: ({ name }) => <a href={href(["streams", "api_metrics"])}>{name}</a> },
            { title: "Requests/s", numeric: true, cell: ({ performance }) => (performance.throughput === null ? "–" : figure(Number(performance.throughput.toPrecision(3)))) },
            { title: "p95", numeric: true, cell: ({ performance }) => ms(performance.response_time.p95) },
            { title: "p99", numeric: true, roomy: true, cell: ({ performance }) => ms(performance.response_time.p99) },
            { title: "Errors", numeric: true, cell: ({ performance }) => share(performance.error_rate) },
            { title: "Burn rate", numeric: true, cell: ({ performance: { availability } }) => (availability.burn_rate === null ? "–" : figure(Number(availability.burn_rate.toPrecision(3)))) },
          ]}
          rows={services}
          rowKey={({ name }) => name}
        />
      )}
    </Panel>
  );
}

function Cells({ now }: { now: View<Operational> }) {
  const found = now.data.value?.hindcast;
  return (
    <Panel
      title="Hindcast itself"
      topic={now}
      shape="rows"
      note={found && `${count(found.nodes.filter(({ alive }) => alive).length)} Ray nodes, ${count(found.actors)} actors, ${count(found.rows_behind)} rows behind`}
      isEmpty={({ hindcast }) => hindcast.cells.length === 0}
      empty={<Empty title="No cell answers">It may be starting. <a href={href(["alerts"])}>Alerts</a></Empty>}
    >
      {({ hindcast }) => (
        <DataTable
          label="Cells"
          columns={[
            { title: "Cell", cell: ({ cell }) => cell },
            { title: "State", cell: ({ state, detail }) => <span title={detail}>{state === "running" ? "running" : <b>{state}</b>}</span> },
            { title: "Rows behind", numeric: true, cell: ({ rows_behind }) => count(rows_behind) },
            { title: "Host", roomy: true, cell: ({ host }) => host },
          ]}
          rows={[...hindcast.cells].sort((a, b) => Number(a.state === "running") - Number(b.state === "running") || b.rows_behind - a.rows_behind || a.cell.localeCompare(b.cell))}
          rowKey={({ cell }) => cell}
        />
      )}
    </Panel>
  );
}

