import { isAcknowledged } from "../alerts/acknowledge";
import { linkedAlert } from "../alerts/linked";
import { around, countedBy } from "../behind";
import { quoted, sql } from "../ask/request";
import { useAnswer } from "../ask/useAnswer";
import { definitionsTopic } from "../definitions";
import { Explained } from "../explain/Number";
import { explain } from "../explain/why";
import { dayAndMinute, figure } from "../format";
import { useTopic } from "../ask/useTopic";
import type { Alert } from "../live/data";
import { DataTable } from "../panel/DataTable";
import { Empty } from "../panel/Empty";
import { Panel } from "../panel/Panel";
import { href } from "../router";
import { Tabs } from "../watch/Tabs";
import { Alerts } from "../widgets/Alerts";

/** Every alert, and what is behind the one that the address names. */
export function AlertsPage() {
  const id = linkedAlert.value;
  const alerts = useTopic("alerts").data.value;
  return (
    <>
      <Tabs />
      <div class="two">
        <Alerts widget={{ id: "alerts", type: "alert_system" }} title="Alerts" />
        {id ? <Behind key={id} id={id} alert={alerts?.[id]} /> : <Unchosen />}
      </div>
    </>
  );
}

function Unchosen() {
  return (
    <section class="panel" aria-label="What is behind it">
      <Empty title="Choose an alert">
        <span>Its life, the metric it watches and the value that it fired on are shown here.</span>
      </Empty>
    </section>
  );
}

type Moment = {
  time: number;
  what: string;
  value: number | null;
  threshold: number | null;
  message: string | null;
  metric: string | null;
  key: string | null;
  rule: string | null;
  by: string | null;
};

const REFRESH_MS = 10_000;

async function lifeOf(id: string): Promise<Moment[]> {
  const { rows } = await sql(
    `SELECT epoch(time), type, value, threshold, message, metric, acknowledged_by, key, rule FROM alerts
     WHERE alert = ${quoted(id)} ORDER BY time DESC, row_offset DESC LIMIT 50`,
    50,
  );
  return rows.map(([time, type, value, threshold, message, metric, by, key, rule]) => ({
    time: Number(time),
    what: String(type).replace("alert.", ""),
    value: value as number | null,
    threshold: threshold as number | null,
    message: message as string | null,
    metric: metric as string | null,
    key: key as string | null,
    rule: rule as string | null,
    by: by as string | null,
  }));
}

function Behind({ id, alert }: { id: string; alert: Alert | undefined }) {
  const life = useAnswer(`alert ${id} ${alert?.state} ${alert?.acknowledged}`, () => lifeOf(id), REFRESH_MS);
  const moments = life.data.value ?? [];
  return (
    <Panel
      title={alert?.title ?? "An alert of the past"}
      topic={life}
      shape="rows"
      note={alert && `${alert.severity}, ${isAcknowledged(alert) ? "acknowledged" : alert.state}`}
      tools={<Deeper id={id} moments={moments} />}
      isEmpty={(moments) => moments.length === 0}
      empty={
        <Empty title="The log has no row of this alert">
          <span>It may be too old, or the link mistyped.</span>
        </Empty>
      }
    >
      {(moments) => (
        <>
          {alert && <p class="said">{alert.detail}</p>}
          {alert?.note && <p class="said quiet">{alert.note}</p>}
          <DataTable
            label="Life of the alert, newest first"
            rows={moments}
            rowKey={({ time, what }) => `${time} ${what}`}
            columns={[
              { title: "When", cell: ({ time }) => dayAndMinute(time) },
              { title: "What", cell: ({ what, by }) => (by ? `${what} by ${by}` : what) },
              { title: "Value", numeric: true, cell: ({ value }) => (value === null ? "–" : <Explained why={{ alert: id }}>{figure(value)}</Explained>) },
              { title: "Limit", numeric: true, cell: ({ threshold }) => (threshold === null ? "–" : figure(threshold)) },
              { title: "Message", wide: true, roomy: true, cell: ({ message }) => <span title={message ?? ""}>{message}</span> },
            ]}
          />
        </>
      )}
    </Panel>
  );
}

/** From the alert to its metric at its time, to what the metric counted then, and to the rule. */
function Deeper({ id, moments }: { id: string; moments: Moment[] }) {
  const { metric, key } = moments.find(({ metric }) => metric) ?? {};
  const rule = moments.find(({ rule }) => rule)?.rule;
  if (!metric) return null;
  const times = moments.map(({ time }) => time);
  const span = around(Math.min(...times), Math.max(...times));
  const counted = countedBy(metric, key ?? "", span);
  return (
    <>
      <button type="button" class="button small" onClick={() => explain({ alert: id })}>
        Explain
      </button>
      <a class="button small" href={href(["metrics", metric], { ...span, aggregate: aggregateOf(rule, metric) })} title={`${metric} around that time`}>
        {metric}
      </a>
      <a class="button small" href={counted.link} title={`${counted.says}, around that time`}>
        {counted.says.startsWith("The events") ? "Events" : "Rows"}
      </a>
      {rule && definitionsTopic.data.value?.[`rule/${rule}`] && (
        <a class="button small" href={href(["rule", rule])} title={`The rule ${rule}`}>
          Rule
        </a>
      )}
      {rule && (
        <a class="button small" href={href(["silences"], { rule })} title="Tell nobody of it for a while">
          Silence
        </a>
      )}
    </>
  );
}

/** What of the metric the rule's condition is about: `mean` of `cpu.percent.mean > threshold`. */
function aggregateOf(rule: string | null | undefined, metric: string): string | undefined {
  const condition = definitionsTopic.data.value?.[`rule/${rule}`]?.spec.condition;
  if (typeof condition !== "string") return undefined;
  const at = condition.indexOf(`${metric}.`);
  return at < 0 ? undefined : /^\w+/.exec(condition.slice(at + metric.length + 1))?.[0];
}
